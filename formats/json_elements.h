#pragma once
#include <memory>

#include "formats/char_reader.h"
#include "formats/raw_record.h"

namespace rlhf {

/// The deepest nesting of brackets in a record that is read: what walks or copies a value may then recurse.
constexpr int64_t kMaxJsonDepth = 500;

/// Parses record.text into record.value, or says in record.problem why not.
void parse_json(RawRecord& record);

/// JSON values that do not keep to lines, cut out one by one: the file is never held whole.
class JsonElements : public RawRecords {
 public:
  enum class Layout {
    kArray,   ///< the file is one array of them
    kObjects  ///< objects or arrays one after another
  };

  JsonElements(std::unique_ptr<ByteReader> reader, Layout layout);
  bool next(RawRecord& record) override;

 private:
  bool cut_element(RawRecord& record);
  bool cut_rest(RawRecord& record);

  CharReader chars_;
  Layout layout_;
  bool inside_ = false;  ///< the opening bracket of the array has been seen
  bool closed_ = false;  ///< and the closing one
  bool ended_ = false;
};

}  // namespace rlhf
