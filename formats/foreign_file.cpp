#include "formats/foreign_file.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "contract/error.h"

namespace rlhf {

namespace {

using std::string_view_literals::operator""sv;

struct Signature {
  std::string_view bytes;  ///< that such a file begins with
  std::string_view kind;
  std::string_view remedy;
};

constexpr std::string_view kFromParquet =
    R"(write it as JSON lines first, in Python: datasets.load_dataset("parquet", data_files="FILE")["train"].to_json("FILE.jsonl"))";
constexpr std::string_view kFromArrow =
    R"(write it as JSON lines first, in Python: datasets.Dataset.from_file("FILE").to_json("FILE.jsonl"))";
constexpr std::string_view kFromUtf16 = "convert it with: iconv -f UTF-16 -t UTF-8 FILE";
constexpr std::string_view kUnpack = "unpack it first; gzip is read as it is";

// UTF-32 stands before UTF-16, whose mark its mark begins with.
constexpr std::array kSignatures = {
    Signature{"\xFF\xFE\0\0"sv, "UTF-32", "convert it with: iconv -f UTF-32 -t UTF-8 FILE"},
    Signature{"\0\0\xFE\xFF"sv, "UTF-32", "convert it with: iconv -f UTF-32 -t UTF-8 FILE"},
    Signature{"\xFF\xFE"sv, "UTF-16", kFromUtf16},
    Signature{"\xFE\xFF"sv, "UTF-16", kFromUtf16},
    Signature{"PAR1"sv, "a Parquet file", kFromParquet},
    Signature{"ARROW1"sv, "an Arrow file", kFromArrow},
    Signature{"\xFF\xFF\xFF\xFF"sv, "an Arrow stream", kFromArrow},
    Signature{"PK\x03\x04"sv, "an Excel workbook or a zip file", "save the sheet as CSV UTF-8, or unzip it"},
    Signature{"\xD0\xCF\x11\xE0"sv, "an old Excel workbook", "save the sheet as CSV UTF-8"},
    Signature{"\x28\xB5\x2F\xFD"sv, "compressed with zstd", kUnpack},
    Signature{"BZh"sv, "compressed with bzip2", kUnpack},
    Signature{"\xFD\x37zXZ\0"sv, "compressed with xz", kUnpack},
};

/// UTF-16 without its mark: every other byte of what is mostly ASCII is zero, and no text has zero bytes.
bool is_unmarked_utf16(std::string_view start) {
  if (start.size() < 4) return false;
  std::array<std::size_t, 2> zeros{};
  for (std::size_t i = 0; i < start.size(); ++i) zeros[i % 2] += start[i] == '\0' ? 1 : 0;
  const auto [fewer, more] = std::minmax(zeros[0], zeros[1]);
  return fewer == 0 && more * 4 > start.size();
}

}  // namespace

void refuse_foreign_file(ByteReader& reader) {
  const auto refuse = [&](std::string_view kind, std::string_view remedy) {
    throw UserError(reader.path() + ": is " + std::string(kind) + "; " + std::string(remedy));
  };
  const std::string_view start = reader.look_ahead(64);
  for (const Signature& signature : kSignatures) {
    if (start.starts_with(signature.bytes)) refuse(signature.kind, signature.remedy);
  }
  if (is_unmarked_utf16(start)) refuse("UTF-16", kFromUtf16);
}

}  // namespace rlhf
