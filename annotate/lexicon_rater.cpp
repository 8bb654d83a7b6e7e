#include "annotate/lexicon_rater.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <unordered_set>

#include "contract/error.h"

namespace rlhf {

namespace {

constexpr double kNegation = -0.74;
constexpr int kNegationReach = 3;
constexpr double kScoreGrain = 1e6;  // scores are told apart to a millionth

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// Without the ASCII punctuation around it.
std::string bare(const std::string& word) {
  const auto is_mark = [](char c) { return std::ispunct(static_cast<unsigned char>(c)) != 0; };
  const auto first = std::find_if_not(word.begin(), word.end(), is_mark);
  const auto last = std::find_if_not(word.rbegin(), word.rend(), is_mark).base();
  return first < last ? std::string(first, last) : std::string();
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

bool is_negation(const std::string& word) {
  static const std::unordered_set<std::string> kNegations = {"not", "no",     "never",   "none",
                                                             "nor", "cannot", "without", "hardly"};
  const std::string plain = bare(lower_case(word));
  return kNegations.contains(plain) || plain.ends_with("n't") || plain.ends_with("n\xE2\x80\x99t");
}

/// "[1, -2, ...]" with exactly kRaters numbers.
bool parse_ratings(const std::string& text, Lexicon::Ratings& ratings) {
  const std::size_t open = text.rfind('[');  // emoticons may hold one
  if (open == std::string::npos) return false;
  const char* at = text.c_str() + open + 1;
  for (std::size_t i = 0; i < ratings.size(); ++i) {
    char* end = nullptr;
    ratings[i] = std::strtof(at, &end);
    if (end == at || !(std::abs(ratings[i]) <= 4)) return false;
    const bool last = i + 1 == ratings.size();
    if (*end != (last ? ']' : ',')) return false;
    at = end + 1;
  }
  return true;
}

}  // namespace

Lexicon::Lexicon(const std::filesystem::path& file) {
  std::ifstream lines(file, std::ios::binary);
  if (!lines) throw UserError(file.string() + ": no such file");
  int64_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    if (line.empty() || line == "\r") continue;
    const std::size_t tab = line.find('\t');
    Ratings ratings{};
    if (tab == std::string::npos || tab == 0 || !parse_ratings(line, ratings)) {
      throw UserError(
          file.string() + ":" + std::to_string(number) +
          ": not a line of a lexicon: word, mean, deviation and [10 ratings from -4 to 4], between tabs");
    }
    ratings_[line.substr(0, tab)] = ratings;
  }
  if (ratings_.empty()) throw UserError(file.string() + ": the lexicon is empty");
}

const Lexicon::Ratings* Lexicon::find(const std::string& word) const {
  const std::string lower = lower_case(word);
  for (const std::string& form : {word, lower, bare(lower)}) {
    const auto found = ratings_.find(form);
    if (found != ratings_.end()) return &found->second;
  }
  return nullptr;
}

LexiconRater::LexiconRater(const Lexicon& lexicon, std::size_t rater) : lexicon_(lexicon), rater_(rater) {
  if (rater >= Lexicon::kRaters)
    throw UserError("a lexicon has " + std::to_string(Lexicon::kRaters) + " raters");
}

double LexiconRater::score(std::string_view text) const {
  const std::vector<std::string> words = words_of(text);
  double sum = 0;
  int negation_reaches = 0;
  for (const std::string& word : words) {
    if (is_negation(word)) {
      negation_reaches = kNegationReach;
      continue;
    }
    if (const Lexicon::Ratings* ratings = lexicon_.find(word)) {
      sum += static_cast<double>((*ratings)[rater_]) * (negation_reaches > 0 ? kNegation : 1.0);
    }
    negation_reaches = std::max(0, negation_reaches - 1);
  }
  return words.empty() ? 0 : sum / std::sqrt(static_cast<double>(words.size()));
}

std::vector<int> LexiconRater::rank(const std::vector<std::string>& texts) const {
  std::vector<int64_t> scores;
  std::map<int64_t, int, std::greater<>> ranks;
  for (const std::string& text : texts) {
    scores.push_back(std::llround(score(text) * kScoreGrain));
    ranks[scores.back()] = 0;
  }
  int next = 1;
  for (auto& [score, rank] : ranks) rank = next++;
  std::vector<int> result;
  for (const int64_t value : scores) result.push_back(ranks[value]);
  return result;
}

}  // namespace rlhf
