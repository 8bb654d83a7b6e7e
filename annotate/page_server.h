#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "annotate/page_links.h"
#include "storage/annotation_store.h"

namespace rlhf {

struct PageOptions {
  std::filesystem::path ledger;
  Campaign campaign;
  std::string host = "127.0.0.1";  ///< a loopback address
  uint16_t port = 0;               ///< 0: the system picks one
};

/// Serves the page to the annotators of a campaign from its first line to its destruction, which waits for
/// requests in work. A request gets in by a Host of this machine, an Origin of our own where there is one,
/// and the token of a link; what it may ask is in annotate/page_api.h and docs/annotate.md. Throws WorldError
/// when the port is not to be had.
class PageServer {
 public:
  PageServer(const PageOptions& options, PageLinks links);
  ~PageServer();
  PageServer(const PageServer&) = delete;
  PageServer& operator=(const PageServer&) = delete;

  uint16_t port() const;

 private:
  class Service;
  std::unique_ptr<Service> service_;
};

}  // namespace rlhf
