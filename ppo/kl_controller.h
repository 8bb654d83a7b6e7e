#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace rlhf {

struct KlControllerOptions {
  double kl_coef = 0.05;         ///< beta at the start, >= 0
  std::optional<double> target;  ///< wanted KL, nats a response; not set: beta stays where it is
  double horizon = 10000;        ///< episodes over which a steady error of 20 % changes beta by 20 %

  /// UserError for a negative kl_coef, or a target or horizon that is not above 0.
  void check() const;
};

/// The coefficient beta of the KL penalty, fixed or steered to a target
/// (Ziegler et al. 2019, https://arxiv.org/abs/1909.08593, section 2.2):
///   error = clip(KL / target - 1, -0.2, 0.2),   beta *= 1 + error * episodes / horizon.
/// A horizon of 10,000 suits runs of a million episodes; a run of a few thousand wants some hundreds.
class KlController {
 public:
  /// UserError for options that make no sense.
  explicit KlController(const KlControllerOptions& options);

  double beta() const { return beta_; }

  /// `kl`: mean over the responses of an iteration of the sum over tokens of log-probability differences,
  /// nats. `episodes`: responses in the iteration. WorldError when `kl` is not finite.
  void update(double kl, int64_t episodes);

  /// What an exact resume needs.
  nlohmann::json state() const;
  /// UserError, naming `where`, when it is not such a state.
  void restore(const nlohmann::json& state, const std::string& where);

 private:
  KlControllerOptions options_;
  double beta_;
};

}  // namespace rlhf
