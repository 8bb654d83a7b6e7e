#include "rollout/generator.h"

#include <cmath>

#include "contract/error.h"
#include "rollout/device_generation.h"
#include "rollout/host_generation.h"
#include "rollout/sampling.h"

namespace rlhf {

std::vector<GeneratedResponse> generate(const LanguageModel& model,
                                        const std::vector<GenerationRequest>& requests,
                                        const GeneratorOptions& options,
                                        const std::function<void(int64_t)>& progress) {
  check_sampling_options(options.sampling);
  if (model.decoder().device().is_cpu()) return HostGeneration(model, requests, options).run(progress);
  return DeviceGeneration(model, requests, options).run(progress);
}

void require_finite(const std::vector<GeneratedResponse>& responses) {
  for (const GeneratedResponse& response : responses)
    for (const float logprob : response.logprobs)
      if (!std::isfinite(logprob))
        throw WorldError(
            "the model gives log-probabilities that are not finite: its weights are damaged, or overflow in "
            "this "
            "--dtype");
}

}  // namespace rlhf
