#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace rlhf {

/// What several people said of the same things, thing by thing: Krippendorff's reliability data, in which it
/// does not matter who said what, and values may be missing.
class Units {
 public:
  /// The values that one thing was given, in any order. Fewer than two say nothing about agreement: they are
  /// left out.
  void add(std::span<const double> values);

  std::size_t count() const { return ends_.size(); }
  std::span<const double> unit(std::size_t i) const;
  /// All values, unit after unit: the pairable ones.
  const std::vector<double>& values() const { return values_; }
  /// The same units with other values, one for each of values().
  Units with_values(std::vector<double> values) const;

 private:
  std::vector<double> values_;
  std::vector<std::size_t> ends_;
};

}  // namespace rlhf
