#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "text/jinja_value.h"

namespace rlhf::jinja {

/// A Failure whose line is known already.
class SyntaxFailure : public Failure {
 public:
  SyntaxFailure(int line, const std::string& what) : Failure(what), line_(line) {}
  int line() const { return line_; }

 private:
  int line_;
};

struct Token {
  enum class Kind {
    kText,
    kPrintBegin,
    kPrintEnd,
    kTagBegin,
    kTagEnd,
    kName,
    kString,
    kInteger,
    kFloat,
    kOperator,
    kEnd
  };
  Kind kind = Kind::kEnd;
  std::string text;  ///< of a string without quotes and escapes; of an operator its characters
  int64_t integer = 0;
  double real = 0;
  int line = 1;

  bool is(Kind wanted, std::string_view wanted_text) const { return kind == wanted && text == wanted_text; }
  bool is_operator(std::string_view wanted) const { return is(Kind::kOperator, wanted); }
  bool is_name(std::string_view wanted) const { return is(Kind::kName, wanted); }
  std::string describe() const;
};

/// Cuts a template into tokens the way Jinja 3 does with trim_blocks and lstrip_blocks on, as Hugging Face
/// sets them: the newline after a tag goes, and so do the spaces before a tag that begins a line. `-` and `+`
/// at a tag's border strip more or keep all. One newline at the very end of the template is dropped. Throws
/// SyntaxFailure.
std::vector<Token> tokenize(const std::string& source);

}  // namespace rlhf::jinja
