#include "ppo/convention.h"

#include "contract/error.h"

namespace rlhf {
namespace {

Convention trl() {
  Convention c;
  c.name = "trl";
  c.score_after_last_token = true;
  c.whitening.unbiased_variance = true;
  return c;
}

Convention openrlhf() {
  Convention c;
  c.name = "openrlhf";
  c.score_clip = 10.0;
  c.kl_clamp = 10.0;
  c.lambda = 1.0;
  c.whitening.epsilon_is_floor = true;
  c.cliprange_value = 0.5;
  c.vf_coef = 1.0;
  c.log_ratio_clamp = 20.0;
  c.controller_sees_token_mean = true;
  return c;
}

}  // namespace

Convention convention_named(const std::string& name) {
  for (const Convention& convention : {Convention{}, trl(), openrlhf()}) {
    if (convention.name == name) {
      return convention;
    }
  }
  throw UserError("unknown PPO convention '" + name + "': rlhf, trl and openrlhf are known");
}

std::vector<std::string> convention_names() {
  return {"rlhf", "trl", "openrlhf"};
}

}  // namespace rlhf
