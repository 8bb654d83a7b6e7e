// Records of every format, damaged in every way that can be thought of: nothing may crash, hang or let
// through what breaks the rules of a record. Deterministic; a few seconds under the sanitizers.
#include <algorithm>
#include <random>

#include "contract/error.h"
#include "formats/fields.h"
#include "formats/format.h"
#include "formats/utf8.h"
#include "tests/formats/canonical_lines.h"
#include "tests/formats/reading.h"
#include "tests/support/catch.h"

namespace rlhf {

namespace {

using nlohmann::json;

/// Forms that are read and not written.
const std::vector<std::pair<std::string, std::string>> kOtherForms = {
    {"kwise", R"({"prompt":"p","responses":["a","b","c"],"ranking":[2,[0,1]]})"},
    {"kwise", R"({"prompt":"p","responses":["a","b","c"],"scores":[1,2.5,1]})"},
    {"kwise", R"({"prompt":"p","chosen":"a","rejected":["b","c"]})"},
    {"label-studio",
     R"({"data":{"prompt":"p","items":[{"id":"1","body":"a"},{"id":"2","body":"b"}]},"annotations":[{"result":[{"type":"pairwise","value":{"selected":"left"}}]}]})"},
    {"label-studio",
     R"({"data":{"prompt":"p","answer1":"a","answer2":"b"},"annotations":[{"completed_by":1,"result":[{"type":"pairwise","value":{"selected":"left"}}]}]})"},
    {"argilla",
     R"({"id":"1","prompt":"p","response-1":"a","response-2":"b","rank.responses":[["response-2","response-1"]],"rank.responses.users":["u"],"rank.responses.status":["submitted"]})"},
    {"arena",
     R"({"model_a":"x","model_b":"y","prompt":"[\"p\"]","response_a":"[\"a\"]","response_b":"[\"b\"]","winner_model_a":1,"winner_model_b":0,"winner_tie":0})"},
    {"trl-preference",
     R"({"prompt":"p","chosen":[{"role":"user","content":"p"},{"role":"assistant","content":[{"type":"text","text":"a"}]}],"rejected":[{"role":"user","content":"p"},{"role":"assistant","content":"b"}]})"},
    {"gsm8k", R"({"question":"q","answer":"a"})"},
    {"gsm8k-solutions",
     R"({"question":"q","m1":{"solution":"a","is_correct":true},"m2":{"solution":"b","is_correct":false}})"}};

std::vector<std::pair<std::string, std::string>> seeds() {
  auto all = test::canonical_lines();
  all.insert(all.end(), kOtherForms.begin(), kOtherForms.end());
  return all;
}

constexpr std::size_t kLinesAFile = 250;

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  /// Bytes changed, taken out, doubled, and pieces of syntax put in.
  std::string bytes(std::string text) {
    static const std::vector<std::string> kPieces = {"\"",
                                                     "\\",
                                                     "{",
                                                     "}",
                                                     "[",
                                                     "]",
                                                     ",",
                                                     ":",
                                                     "null",
                                                     "\n",
                                                     "\r\n",
                                                     "\\u0000",
                                                     "\\ud800",
                                                     "\xFF",
                                                     "\xE2\x82",
                                                     "1e999",
                                                     "NaN",
                                                     "-0",
                                                     "\t",
                                                     "\xEF\xBB\xBF",
                                                     std::string(1, '\0'),
                                                     "\n\nHuman: ",
                                                     "\n\nAssistant: "};
    for (std::size_t i = below(4) + 1; i > 0 && !text.empty(); --i) {
      const std::size_t at = below(text.size());
      const std::size_t length = std::min(below(20) + 1, text.size() - at);
      switch (below(4)) {
        case 0:
          text[at] = static_cast<char>(below(256));
          break;
        case 1:
          text.erase(at, length);
          break;
        case 2:
          text.insert(at, text.substr(at, length));
          break;
        default:
          text.insert(at, kPieces[below(kPieces.size())]);
      }
    }
    return text;
  }

  /// One value of the tree becomes another, goes, or is repeated.
  void value(json& tree) {
    json* at = &tree;
    while (at->is_structured() && !at->empty() && below(4) != 0) {
      auto child = at->begin();
      std::advance(child, static_cast<std::ptrdiff_t>(below(at->size())));
      at = &*child;
    }
    if (at->is_structured() && !at->empty() && below(2) == 0) {
      auto child = at->begin();
      std::advance(child, static_cast<std::ptrdiff_t>(below(at->size())));
      if (at->is_array() && below(2) == 0)
        at->push_back(another_like(*child));
      else
        at->erase(child);
      return;
    }
    *at = some_value();
  }

 private:
  /// A copy whose texts differ.
  static json another_like(json value) {
    if (value.is_string()) return value.get<std::string>() + "x";
    if (value.is_structured()) {
      for (json& part : value) part = another_like(part);
    }
    return value;
  }

  json some_value() {
    static const std::vector<json> kValues = {nullptr,
                                              true,
                                              false,
                                              0,
                                              1,
                                              -1,
                                              2,
                                              1.5,
                                              1e308,
                                              -1e308,
                                              4294967296LL,
                                              "",
                                              " ",
                                              "1",
                                              "0",
                                              "nan",
                                              "inf",
                                              "[\"a\"]",
                                              "\n\nHuman: a\n\nAssistant: b",
                                              std::string("a\0b", 3),
                                              "\u2028",
                                              json::array(),
                                              json::object(),
                                              {{"role", "assistant"}, {"content", "x"}},
                                              {{{"role", "user"}, {"content", "x"}}},
                                              {1, 1},
                                              {1, 2, 3},
                                              {"a", "b"},
                                              {{"value", "response-1"}},
                                              {{"ranker", {{"rank", {"1", "2"}}}}}};
    return kValues[below(kValues.size())];
  }

  std::mt19937_64 random_;
};

bool is_dense(const std::vector<int>& ranks) {
  const int most = *std::max_element(ranks.begin(), ranks.end());
  for (int rank = 1; rank <= most; ++rank) {
    if (std::count(ranks.begin(), ranks.end(), rank) == 0) return false;
  }
  return *std::min_element(ranks.begin(), ranks.end()) == 1;
}

/// What the ledger and the trainers take for granted.
void check_rules(const ImportRecord& record) {
  const Provenance& known = record.provenance;
  std::size_t responses = 1;
  if (const auto* ranking = std::get_if<Ranking>(&record.content)) {
    responses = ranking->responses.size();
    REQUIRE(responses >= 2);
    REQUIRE(ranking->ranks.size() == responses);
    REQUIRE(is_dense(ranking->ranks));
    for (const std::string& text : ranking->responses) REQUIRE_FALSE(is_blank(text));
  }
  REQUIRE((known.response_models.empty() || known.response_models.size() == responses));
  REQUIRE((known.response_ids.empty() || known.response_ids.size() == responses));
  for (const ResponseRating& rating : known.ratings) REQUIRE(rating.response < responses);
}

void check_all_writers(const ImportRecord& record) {
  for (const Format& format : formats()) {
    if (!format.write) continue;
    JsonObjects objects;
    try {
      format.write(record, objects);
    } catch (const BadRecord&) {
    }
    for (const auto& object : objects) REQUIRE_NOTHROW(object.dump());
  }
}

void check_reading(const std::string& bytes, const std::string& format, const std::string& name) {
  test::Reading reading;
  try {
    reading = test::read_text(bytes, format, name);
  } catch (const UserError&) {
    return;  // the whole file was refused: an unusable header, another encoding
  }
  for (const ImportRecord& record : reading.records) {
    check_rules(record);
    check_all_writers(record);
  }
  for (const RejectedRecord& rejected : reading.rejected) {
    REQUIRE(rejected.line >= 1);
    REQUIRE_FALSE(rejected.reason.empty());
  }
}

}  // namespace

TEST_CASE("records with other values than they should have are read by the rules or refused") {
  Mutator mutator(1);
  for (const auto& [format, line] : seeds()) {
    INFO(format << ": " << line);
    std::string lines;
    for (std::size_t i = 0; i < kLinesAFile; ++i) {
      json tree = json::parse(line);
      for (std::size_t changes = mutator.below(3) + 1; changes > 0; --changes) mutator.value(tree);
      lines += tree.dump() + "\n";
    }
    check_reading(lines, "", "data.jsonl");
    check_reading(lines, format, "data.jsonl");
  }
}

TEST_CASE("records with other bytes than they should have are read by the rules or refused") {
  Mutator mutator(2);
  for (const auto& [format, line] : seeds()) {
    INFO(format << ": " << line);
    std::string lines, elements = "[";
    for (std::size_t i = 0; i < kLinesAFile; ++i) {
      lines += mutator.bytes(line) + "\n";
      elements += mutator.bytes(line) + ",";
    }
    check_reading(lines, "", "data.jsonl");
    check_reading(lines, format, "data.jsonl");
    check_reading(elements + "]", "", "data.json");
  }
}

TEST_CASE("tables with other bytes than they should have are read by the rules or refused") {
  Mutator mutator(3);
  const std::vector<std::string> tables = {
      "prompt,chosen,rejected,margin\r\n\"p, \"\"q\"\"\",\"a\r\nb\",c,0.5\r\np,a,b,\r\n",
      "prompt;completion;label\np;a;TRUE\np;b;0\n", "prompt,response_1,rank_1,response_2,rank_2\np,a,1,b,2\n",
      "id,model_a,model_b,prompt,response_a,response_b,winner_model_a,winner_model_b,winner_tie\n"
      "1,x,y,\"[\"\"Hi\"\"]\",\"[\"\"a\"\"]\",\"[\"\"b\"\"]\",0,1,0\n"};
  for (const std::string& table : tables) {
    for (int i = 0; i < 100; ++i) check_reading(mutator.bytes(table), "", "data.csv");
  }
}

TEST_CASE("bytes of no meaning are refused in whatever file they stand") {
  Mutator mutator(4);
  for (const std::string name :
       {"data.jsonl", "data.json", "data.csv", "data.tsv", "data.txt", "data.jsonl.gz"}) {
    for (int i = 0; i < 30; ++i) {
      std::string bytes(mutator.below(2000), '\0');
      for (char& byte : bytes) byte = static_cast<char>(mutator.below(i % 2 == 0 ? 256 : 128));
      if (i % 3 == 0) bytes.insert(0, "[{\"prompt\": ");
      if (i % 5 == 0) bytes.insert(0, "\x1F\x8B\x08");
      check_reading(bytes, "", name);
    }
  }
}

}  // namespace rlhf
