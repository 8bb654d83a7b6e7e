#include "model/head_products.h"

namespace rlhf {

HeadProducts::HeadProducts(const torch::Tensor& weight, torch::ScalarType dtype)
    : weight_(weight), dtype_(dtype), packed_(weight.is_cpu() && packed_products_pay(dtype)) {
  if (!packed_) weight_ = weight.to(dtype);
}

void HeadProducts::logits(const torch::Tensor& hidden, torch::Tensor& out) {
  if (!packed_) {
    at::mm_out(out, hidden, weight_.t());
    return;
  }
  if (!for_logits_) for_logits_.emplace(weight_, dtype_);
  packed_product_into(out, hidden, *for_logits_);
}

torch::Tensor HeadProducts::hidden_gradient(const torch::Tensor& gradient) {
  if (!packed_) return at::mm(gradient, weight_);
  if (!for_hidden_) for_hidden_.emplace().refer_to(weight_.t(), dtype_);
  return packed_product(gradient, *for_hidden_);
}

void HeadProducts::add_weight_gradient(const torch::Tensor& gradient, const torch::Tensor& hidden,
                                       torch::Tensor& sum) const {
  if (packed_ && sum.scalar_type() == torch::kFloat32) {
    add_packed_product(gradient.t(), hidden.t(), dtype_, sum);
  } else if (gradient.scalar_type() == sum.scalar_type()) {
    sum.addmm_(gradient.t(), hidden.to(sum.scalar_type()));
  } else {
    sum.add_(at::mm(gradient.t(), hidden));
  }
}

}  // namespace rlhf
