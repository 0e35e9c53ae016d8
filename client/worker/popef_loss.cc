#include "client/worker/popef_loss.h"

#include <cstdint>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/worker/popef_errors.h"
#include "storage/graph/float16.h"

namespace graphfeed {
namespace {

double FloatAt(DType dtype, const std::byte* bytes) {
  if (dtype == DType::kFloat64) {
    double value = 0;
    std::memcpy(&value, bytes, sizeof(value));
    return value;
  }
  if (dtype == DType::kFloat16) {
    uint16_t bits = 0;
    std::memcpy(&bits, bytes, sizeof(bits));
    return FloatFromFloat16(bits);
  }
  float value = 0;
  std::memcpy(&value, bytes, sizeof(value));
  return value;
}

}  // namespace

std::string TensorNames(const std::vector<PopefTensor>& tensors) {
  return absl::StrJoin(tensors, ", ", [](std::string* out, const PopefTensor& tensor) {
    absl::StrAppend(out, tensor.name);
  });
}

absl::StatusOr<std::optional<size_t>> FindPopefLoss(const PopefModel& model,
                                                    const std::string& name) {
  std::vector<size_t> found;
  for (size_t i = 0; i < model.outputs.size(); ++i) {
    const std::string& output = model.outputs[i].name;
    const bool is_it =
        name.empty() ? absl::StrContains(absl::AsciiStrToLower(output), "loss") : output == name;
    if (is_it) found.push_back(i);
  }
  if (found.empty() && name.empty()) {
    if (!model.trains) return std::optional<size_t>();
    if (model.outputs.size() == 1) found.push_back(0);
  }
  if (found.size() != 1) {
    return PopefModelError(
        absl::StrCat(name.empty() ? "which output is the loss is not clear: name it with --loss"
                                  : absl::StrCat("no output is called ", name),
                     "; there are ", TensorNames(model.outputs)));
  }
  const PopefTensor& loss = model.outputs[found[0]];
  if (!IsFloat(*loss.dtype)) {
    return PopefModelError(
        absl::StrCat("loss ", loss.name, " has element type ", loss.type, ", not a float's"));
  }
  return std::optional<size_t>(found[0]);
}

std::optional<double> MeanOf(DType dtype, const std::vector<std::byte>& elements,
                             const std::vector<bool>& real) {
  const size_t size = SizeOf(dtype);
  const size_t count = elements.size() / size;
  double sum = 0;
  size_t num_counted = 0;
  for (size_t i = 0; i < count; ++i) {
    if (real.size() == count && !real[i]) continue;
    sum += FloatAt(dtype, &elements[i * size]);
    ++num_counted;
  }
  if (num_counted == 0) return std::nullopt;
  return sum / static_cast<double>(num_counted);
}

}  // namespace graphfeed
