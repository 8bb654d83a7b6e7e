#include "train/collective.h"

#include <cstdlib>

#include "contract/error.h"
#include "tests/support/catch.h"

using namespace rlhf;

TEST_CASE("cuda without a number is the process's own GPU under torchrun, the first one otherwise") {
  const torch::Device cuda(torch::kCUDA), second(torch::kCUDA, 1), cpu(torch::kCPU);
  unsetenv("LOCAL_RANK");
  CHECK(local_device(cuda) == torch::Device(torch::kCUDA, 0));
  setenv("LOCAL_RANK", "3", 1);
  CHECK(local_device(cuda) == torch::Device(torch::kCUDA, 3));
  CHECK(local_device(second) == second);
  CHECK(local_device(cpu) == cpu);
  setenv("LOCAL_RANK", "many", 1);
  CHECK_THROWS_AS(local_device(cuda), UserError);
  CHECK(local_device(cpu) == cpu);
  unsetenv("LOCAL_RANK");
}
