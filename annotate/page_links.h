#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "storage/annotation_store.h"
#include "storage/annotator_links.h"

namespace rlhf {

/// An unguessable word for a link: 32 random bytes in base64url, 43 characters. Throws WorldError when the
/// system has no randomness to give.
std::string new_token();

/// Somebody who may rank on the page.
struct PageAnnotator {
  int64_t id = 0;
  std::string name;
};

/// Splits "NAME,NAME" and finds or adds these people in the ledger. Throws UserError for a name that is
/// empty, longer than 200 bytes, not UTF-8, there twice (in Unicode's normal form and whatever its case), or
/// that of a simulated rater or a model.
std::vector<PageAnnotator> page_annotators(AnnotationStore& store, const std::string& names);

/// Tells by the token of a link who comes in: only annotators of this run, by any of their links to the
/// campaign. Made once, then read from any thread.
class PageLinks {
 public:
  PageLinks(std::vector<PageAnnotator> annotators, std::vector<AnnotatorLink> links);

  enum class Admission { kUnknown, kExpired, kAdmitted };
  struct Visitor {
    Admission admission = Admission::kUnknown;
    PageAnnotator annotator;  ///< when admitted
    int64_t expires_ms = 0;   ///< unless unknown
  };

  /// Compares with every link in constant time.
  Visitor visitor(std::string_view token, int64_t now_ms) const;

 private:
  std::vector<PageAnnotator> annotators_;
  std::vector<AnnotatorLink> links_;
};

}  // namespace rlhf
