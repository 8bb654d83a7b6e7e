// What the kernels compute in float, with the machine's best instructions, against the same in double.
#include "model/cpu_kernels.h"

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "tests/support/catch.h"

namespace rlhf {
namespace {

std::vector<double> random(int64_t count, double scale, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<double> normal(0.0, scale);
  std::vector<double> values(static_cast<std::size_t>(count));
  for (double& value : values) value = static_cast<float>(normal(engine));
  return values;
}

std::vector<float> as_float(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

/// max |a - b| / (1 + |b|)
double largest_error(const std::vector<float>& a, const std::vector<double>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    largest = std::max(largest, std::abs(static_cast<double>(a[i]) - b[i]) / (1 + std::abs(b[i])));
  }
  return largest;
}

template <typename T>
struct Softmax {
  std::vector<T> logprobs, normalizers, entropy, gradient;
};

template <typename T>
Softmax<T> softmax(const std::vector<T>& logits, const std::vector<int64_t>& targets, int64_t vocab) {
  const auto rows = static_cast<int64_t>(targets.size());
  Softmax<T> s{std::vector<T>(targets.size()), std::vector<T>(targets.size()), std::vector<T>(targets.size()),
               std::vector<T>(logits.size())};
  std::vector<char> correct(targets.size());
  cpu::softmax_rows(logits.data(),
                    {rows, vocab, 1 / 0.7, targets.data(), s.logprobs.data(), s.normalizers.data(),
                     s.entropy.data(), reinterpret_cast<bool*>(correct.data())});
  const std::vector<T> dlogprobs(targets.size(), static_cast<T>(0.6)),
      dentropy(targets.size(), static_cast<T>(-0.3));
  cpu::softmax_gradient_rows(logits.data(), s.gradient.data(),
                             {rows, vocab, 1 / 0.7, targets.data(), s.normalizers.data(), s.entropy.data(),
                              dlogprobs.data(), dentropy.data()});
  return s;
}

}  // namespace

TEST_CASE("the softmax of long rows in float is that in double to float's precision") {
  constexpr int64_t kRows = 5, kVocab = 1003;
  const std::vector<double> logits = random(kRows * kVocab, 12.0, 1);
  const std::vector<int64_t> targets = {0, 1002, 500, 3, 999};
  const Softmax<double> exact = softmax(logits, targets, kVocab);
  const Softmax<float> rounded = softmax(as_float(logits), targets, kVocab);
  CHECK(largest_error(rounded.logprobs, exact.logprobs) < 2e-6);
  CHECK(largest_error(rounded.entropy, exact.entropy) < 2e-6);
  CHECK(largest_error(rounded.gradient, exact.gradient) < 2e-6);
}

TEST_CASE("the gradient of a row of logits sums to zero and points away from the target") {
  const std::vector<double> logits = random(64, 2.0, 2);
  const Softmax<double> s = softmax(logits, {7}, 64);
  double sum = 0;
  for (const double value : s.gradient) sum += value;
  CHECK(std::abs(sum) < 1e-12);
  CHECK(s.gradient[7] > 0);
}

TEST_CASE("SwiGLU and its gradient in float are those in double, far from zero too") {
  constexpr int64_t kRows = 3, kWidth = 37;
  std::vector<double> x = random(kRows * 2 * kWidth, 5.0, 3);
  x[0] = -200.0;
  x[1] = 200.0;
  const std::vector<double> dout = random(kRows * kWidth, 1.0, 4);
  std::vector<double> y(dout.size()), dx(x.size());
  std::vector<float> y_float(dout.size()), dx_float(x.size());
  const std::vector<float> x_float = as_float(x), dout_float = as_float(dout);
  cpu::swiglu(x.data(), y.data(), kRows, kWidth);
  cpu::swiglu(x_float.data(), y_float.data(), kRows, kWidth);
  cpu::swiglu_backward(x.data(), dout.data(), dx.data(), kRows, kWidth);
  cpu::swiglu_backward(x_float.data(), dout_float.data(), dx_float.data(), kRows, kWidth);
  CHECK(largest_error(y_float, y) < 1e-6);
  CHECK(largest_error(dx_float, dx) < 2e-6);
  CHECK(y[1] == 200.0 * x[kWidth + 1]);
}

TEST_CASE("floats round to the nearest bfloat16, ties to even, and what is no number stays none") {
  const auto rounded = [](uint32_t bits) {
    cpu::Bfloat16 out;
    cpu::store(&out, std::bit_cast<float>(bits));
    return out.bits;
  };
  CHECK(rounded(0x3f800000) == 0x3f80);
  CHECK(rounded(0x3f807fff) == 0x3f80);
  CHECK(rounded(0x3f808000) == 0x3f80);
  CHECK(rounded(0x3f808001) == 0x3f81);
  CHECK(rounded(0x3f818000) == 0x3f82);
  CHECK(rounded(0x7f800000) == 0x7f80);
  CHECK(rounded(0xff7fffff) == 0xff80);
  for (const uint32_t nan : {0x7fffffffu, 0x7f800001u, 0xffc00000u, 0xffffffffu})
    CHECK(rounded(nan) == 0x7fc0);
}

TEST_CASE("SwiGLU of large gates is the gate, and of very negative ones nothing") {
  constexpr int64_t kWidth = 700;
  std::vector<double> x(2 * kWidth), dout(kWidth, 1.0);
  for (size_t i = 0; i < kWidth; ++i) {
    x[i] = static_cast<double>(i) - kWidth / 2;
    x[i + kWidth] = 1 + static_cast<double>(i % 3);
  }
  std::vector<double> y(kWidth), dx(2 * kWidth);
  std::vector<float> y_float(kWidth), dx_float(2 * kWidth);
  cpu::swiglu(x.data(), y.data(), 1, kWidth);
  cpu::swiglu(as_float(x).data(), y_float.data(), 1, kWidth);
  cpu::swiglu_backward(x.data(), dout.data(), dx.data(), 1, kWidth);
  cpu::swiglu_backward(as_float(x).data(), as_float(dout).data(), dx_float.data(), 1, kWidth);
  CHECK(largest_error(y_float, y) < 1e-6);
  CHECK(largest_error(dx_float, dx) < 2e-6);
}

TEST_CASE("RMSNorm and its gradient in float are those in double") {
  constexpr int64_t kRows = 4, kWidth = 131;
  const std::vector<double> x = random(kRows * kWidth, 3.0, 5), weight = random(kWidth, 1.0, 6),
                            dy = random(kRows * kWidth, 1.0, 7);
  const std::vector<float> x_float = as_float(x), weight_float = as_float(weight), dy_float = as_float(dy);
  std::vector<double> y(x.size()), scale(kRows), dx(x.size()), dweight(kWidth);
  std::vector<float> y_float(x.size()), scale_float(kRows), dx_float(x.size()), dweight_float(kWidth);
  cpu::rms_norm(x.data(), weight.data(), y.data(), scale.data(), kRows, kWidth, 1e-5);
  cpu::rms_norm(x_float.data(), weight_float.data(), y_float.data(), scale_float.data(), kRows, kWidth, 1e-5);
  cpu::rms_norm_backward_double(
      {x.data(), weight.data(), scale.data(), dy.data(), nullptr, dx.data(), dweight.data(), kRows, kWidth});
  cpu::rms_norm_backward_float({x_float.data(), weight_float.data(), scale_float.data(), dy_float.data(),
                                nullptr, dx_float.data(), dweight_float.data(), kRows, kWidth});
  CHECK(largest_error(y_float, y) < 1e-6);
  CHECK(largest_error(dx_float, dx) < 1e-6);
  CHECK(largest_error(dweight_float, dweight) < 2e-6);
}

}  // namespace rlhf
