#pragma once
#include <cstdint>

namespace rlhf {

/// A share with its 95 % interval.
struct Share {
  double value = 0;
  double low = 0;
  double high = 0;
};

/// A share of things that come in clusters: the pairs of one ranking are not independent, so they are not
/// counted as if they were. The variance is that of a ratio over clusters (Cochran, Sampling Techniques, 3rd
/// ed., 9A.1); it gives the effective sample size (Korn and Graubard 1998) that Wilson's interval (1927) is
/// computed with, which stays within 0 and 1. Where all agree, each cluster counts as one.
class ClusteredShare {
 public:
  /// A cluster with `hits` of `of`; one with nothing in it does not count.
  void add(double hits, double of);

  double hits() const { return hits_; }
  double of() const { return of_; }
  /// All zero when there was nothing.
  Share share() const;

 private:
  double effective_size(double value) const;

  double hits_ = 0, of_ = 0, clusters_ = 0;
  double hits_squared_ = 0, of_squared_ = 0, product_ = 0;
};

}  // namespace rlhf
