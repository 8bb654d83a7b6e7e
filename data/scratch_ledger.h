#pragma once
#include <filesystem>

namespace rlhf {

/// A place for a ledger that a dry run needs where none exists; removed with everything in it at the end of
/// the scope.
class ScratchLedger {
 public:
  /// Throws WorldError when the system's temporary folder cannot be written.
  ScratchLedger();
  ~ScratchLedger();
  ScratchLedger(const ScratchLedger&) = delete;
  ScratchLedger& operator=(const ScratchLedger&) = delete;

  std::filesystem::path path() const { return folder_ / "ledger.db"; }

 private:
  std::filesystem::path folder_;
};

}  // namespace rlhf
