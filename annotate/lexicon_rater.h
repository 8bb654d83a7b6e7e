#pragma once
#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace rlhf {

/// Words with the ratings ten people gave them, -4 to +4: VADER's lexicon (Hutto and Gilbert, ICWSM 2014),
/// lines of "token<TAB>mean<TAB>standard deviation<TAB>[10 ratings]".
class Lexicon {
 public:
  static constexpr std::size_t kRaters = 10;
  using Ratings = std::array<float, kRaters>;

  /// Throws UserError naming file and line when it is not such a file.
  explicit Lexicon(const std::filesystem::path& file);

  /// nullptr when the word is not in it. Emoticons are looked up as they stand, words in lower case.
  const Ratings* find(const std::string& word) const;
  std::size_t size() const { return ratings_.size(); }

 private:
  std::unordered_map<std::string, Ratings> ratings_;
};

/// One simulated person: judges a text by what this one of the ten raters said of its words. So simulated
/// raters differ as much as the people did whose ratings these are.
class LexiconRater {
 public:
  /// `rater` counts from 0 to Lexicon::kRaters - 1. The lexicon must outlive this.
  LexiconRater(const Lexicon& lexicon, std::size_t rater);

  /// Sum of the ratings of its words over the square root of their number, known to the lexicon or not:
  /// neither length nor brevity wins by itself. A negation among the three words before turns a rating by
  /// VADER's factor, -0.74.
  double score(std::string_view text) const;

  /// Dense ranks, 1 = best; texts of equal score tie.
  std::vector<int> rank(const std::vector<std::string>& texts) const;

 private:
  const Lexicon& lexicon_;
  std::size_t rater_;
};

}  // namespace rlhf
