#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace rlhf {

/// What a key asks for.
enum class Step {
  kMore,         ///< the ranking goes on, or the key meant nothing: see message()
  kSubmit,       ///< every response has its place
  kSkip,         ///< pass, someone else may answer
  kNotRankable,  ///< the responses cannot be compared
  kTakeBack,     ///< nothing is entered: the last answer given is to be taken back
  kGuidelines,
  kQuit
};

/// One ranking being entered by keys: digits name responses best first, '=' ties the next with the one
/// before, Enter puts the only one left in the last place, 'u' takes the last key back, 's' twice skips, 'x'
/// says not rankable, '?' asks for the guidelines, 'q' quits. No input, no output.
class RankingEntry {
 public:
  /// For 2 to 9 responses; UserError otherwise: a digit must name each.
  explicit RankingEntry(std::size_t responses);

  /// Goes on from a draft: dense ranks of some responses.
  RankingEntry(std::size_t responses, const std::vector<std::optional<int>>& ranks);

  Step press(char key);

  /// Dense ranks, 1 = best, of the responses placed so far.
  std::vector<std::optional<int>> ranks() const;

  /// The order so far: "2 > 1 = 3"; a '=' or '>' at the end waits for the next.
  std::string order() const;

  /// Why the last key did nothing; empty when it did something.
  const std::string& message() const { return message_; }

 private:
  Step place(std::size_t response);
  Step finish();
  Step take_back();

  struct Placed {
    std::size_t response;
    bool tied;  ///< with the one before
  };

  std::size_t responses_;
  std::vector<Placed> placed_;
  bool tie_pending_ = false;
  bool skip_pending_ = false;  ///< 's' was pressed once
  std::string message_;
};

}  // namespace rlhf
