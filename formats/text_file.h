#pragma once
#include <string>

namespace rlhf {

/// Reads a whole text file (.gz or not, "-" is standard input) into `text`; a byte order mark is taken off
/// and CRLF becomes LF. Returns why it cannot be used (not UTF-8, empty, gzip damage, larger than 4 GiB), or
/// an empty string. Throws UserError when it cannot be opened or holds
/// no text at all (refuse_foreign_file), WorldError when reading fails.
std::string read_text_file(const std::string& path, std::string& text);

}  // namespace rlhf
