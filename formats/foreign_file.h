#pragma once
#include "formats/byte_reader.h"

namespace rlhf {

/// Looks at the first bytes of a file of text and throws UserError, which names what the file is and what to
/// do, when it is UTF-16 or UTF-32, Parquet, Arrow, an Excel workbook, or compressed in another way than
/// gzip. Nothing is taken from `reader`.
void refuse_foreign_file(ByteReader& reader);

}  // namespace rlhf
