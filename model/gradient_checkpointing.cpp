#include "model/gradient_checkpointing.h"

#include <torch/autograd.h>
#include <torch/custom_class.h>

namespace rlhf {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

using Layer = std::function<torch::Tensor(const torch::Tensor&)>;

/// As a context keeps it.
struct KeptLayer : torch::CustomClassHolder {
  explicit KeptLayer(Layer layer) : run(std::move(layer)) {}
  Layer run;
};

struct RecomputedLayer : torch::autograd::Function<RecomputedLayer> {
  static torch::Tensor forward(AutogradContext* context, const Layer& layer, const torch::Tensor& x,
                               const at::TensorList& weights) {
    variable_list saved = {x};
    saved.insert(saved.end(), weights.begin(), weights.end());
    context->save_for_backward(std::move(saved));
    context->saved_data["layer"] = c10::IValue::make_capsule(c10::make_intrusive<KeptLayer>(layer));
    return layer(x);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    variable_list inputs = context->get_saved_variables();
    inputs[0] = inputs[0].detach().requires_grad_();
    torch::Tensor output;
    {
      const at::AutoGradMode with_graph(true);
      const auto kept = context->saved_data["layer"].toCapsule();
      output = static_cast<const KeptLayer&>(*kept).run(inputs[0]);
    }
    variable_list result = torch::autograd::grad({output}, inputs, {gradients[0]});
    result.insert(result.begin(), torch::Tensor());  // the layer itself
    return result;
  }
};

}  // namespace

torch::Tensor recompute_in_backward(const Layer& layer, const torch::Tensor& x,
                                    const std::vector<torch::Tensor>& weights) {
  return RecomputedLayer::apply(layer, x, at::TensorList(weights));  // a vector would not be seen as tensors
}

}  // namespace rlhf
