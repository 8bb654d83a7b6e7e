#pragma once
#include <memory>

#include "formats/char_reader.h"
#include "formats/raw_record.h"

namespace rlhf {

/// Parses record.text into record.value, or says in record.problem why not.
void parse_json(RawRecord& record);

/// The elements of a file that is one JSON array, cut out one by one: the file is never held whole.
class JsonArray : public RawRecords {
 public:
  explicit JsonArray(std::unique_ptr<ByteReader> reader);
  bool next(RawRecord& record) override;

 private:
  bool cut_element(RawRecord& record);

  CharReader chars_;
  bool inside_ = false;  ///< the opening bracket has been seen
  bool ended_ = false;
};

}  // namespace rlhf
