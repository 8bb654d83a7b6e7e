#include "ppo/kl_controller.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "contract/error.h"

namespace rlhf {

void KlControllerOptions::check() const {
  if (!std::isfinite(kl_coef) || kl_coef < 0) {
    throw UserError("--kl_coef is " + std::to_string(kl_coef) + "; it must be 0 or more");
  }
  if (target && !(*target > 0 && std::isfinite(*target))) {
    throw UserError("--kl_target is " + std::to_string(*target) + "; it must be above 0");
  }
  if (!(horizon > 0 && std::isfinite(horizon))) {
    throw UserError("--kl_horizon is " + std::to_string(horizon) + "; it must be above 0");
  }
}

KlController::KlController(const KlControllerOptions& options) : options_(options), beta_(options.kl_coef) {
  options.check();
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
