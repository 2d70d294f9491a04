// The precompiled header of everything that uses LibTorch. autograd/custom_function.h brings
// torch::autograd::Function without the 25 s of torch/torch.h.
#pragma GCC system_header
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
