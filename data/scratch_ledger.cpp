#include "data/scratch_ledger.h"

#include <cstdlib>
#include <string>

#include "contract/error.h"

namespace rlhf {

ScratchLedger::ScratchLedger() {
  std::string name = (std::filesystem::temp_directory_path() / "rlhf-dry-run-XXXXXX").string();
  if (!mkdtemp(name.data())) throw WorldError(name + ": cannot make a temporary folder");
  folder_ = name;
}

ScratchLedger::~ScratchLedger() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace rlhf
