#include "ppo/kl_controller.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "contract/error.h"

namespace rlhf {

KlController::KlController(const KlControllerOptions& options) : options_(options), beta_(options.kl_coef) {
  if (!std::isfinite(options.kl_coef) || options.kl_coef < 0) {
    throw UserError("--kl_coef is " + std::to_string(options.kl_coef) + "; it must be 0 or more");
  }
  if (options.target && !(*options.target > 0 && std::isfinite(*options.target))) {
    throw UserError("--kl_target is " + std::to_string(*options.target) + "; it must be above 0");
  }
  if (!(options.horizon > 0 && std::isfinite(options.horizon))) {
    throw UserError("--kl_horizon is " + std::to_string(options.horizon) + "; it must be above 0");
  }
}

void KlController::update(double kl, int64_t episodes) {
  if (!options_.target) {
    return;
  }
  if (!std::isfinite(kl)) {
    throw WorldError("the KL against the reference is not finite; the KL coefficient cannot follow it");
  }
  const double error = std::clamp(kl / *options_.target - 1.0, -0.2, 0.2);
  beta_ *= 1.0 + error * static_cast<double>(episodes) / options_.horizon;
}

nlohmann::json KlController::state() const {
  return {{"beta", beta_}};
}

void KlController::restore(const nlohmann::json& state, const std::string& where) {
  const auto beta = state.is_object() ? state.find("beta") : state.end();
  if (beta == state.end() || !beta->is_number() || !(beta->get<double>() >= 0)) {
    throw UserError(where + ": the state of the KL controller needs a number \"beta\" of 0 or more");
  }
  beta_ = beta->get<double>();
}

}  // namespace rlhf
