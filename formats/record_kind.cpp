#include "formats/record_kind.h"

#include <array>

namespace rlhf {

std::string kind_name(const ImportRecord& record) {
  static constexpr std::array<const char*, 4> kNames = {"prompt", "demonstration", "ranking",
                                                        "rated response"};
  return kNames.at(record.content.index());
}

}  // namespace rlhf
