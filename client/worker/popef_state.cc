#include "client/worker/popef_state.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "client/worker/executor.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

constexpr absl::string_view kMagic = "GFPOPEF1";
constexpr size_t kDigestBytes = 16;

absl::Status StateError(absl::string_view message) {
  return ExecutorError(ErrorAction::kExit, "state", absl::StatusCode::kInvalidArgument,
                       absl::StrCat("state of a PopEF model: ", message));
}

// storage/base/little_endian.h takes C++20.
void AppendInteger(uint64_t value, std::string& bytes) {
  for (int i = 0; i < 8; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

void AppendText(absl::string_view text, std::string& bytes) {
  AppendInteger(text.size(), bytes);
  bytes.append(text.data(), text.size());
}

std::string DigestBytes(absl::string_view bytes) {
  Digester digester;
  digester.Update(bytes);
  const Digest digest = digester.Finish();
  return std::string(reinterpret_cast<const char*>(digest.data()), digest.size());
}

class StateReader {
 public:
  explicit StateReader(absl::string_view bytes) : rest_(bytes) {}

  absl::StatusOr<uint64_t> Integer() {
    if (rest_.size() < 8) return StateError("ends within a number");
    uint64_t value = 0;
    for (int i = 0; i < 8; ++i) value |= uint64_t{static_cast<uint8_t>(rest_[i])} << (8 * i);
    rest_.remove_prefix(8);
    return value;
  }
  absl::StatusOr<absl::string_view> Text() {
    GF_ASSIGN_OR_RETURN(const uint64_t size, Integer());
    if (size > rest_.size()) return StateError("ends within a text");
    const absl::string_view text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  bool AtEnd() const { return rest_.empty(); }

 private:
  absl::string_view rest_;
};

std::optional<size_t> FindWeight(const PopefModel& model, absl::string_view name) {
  for (size_t i = 0; i < model.weights.size(); ++i) {
    if (model.weights[i].name == name) return i;
  }
  return std::nullopt;
}

std::string Describe(absl::string_view type, const std::vector<int64_t>& shape) {
  return absl::StrCat(type, "[", absl::StrJoin(shape, ", "), "]");
}

// Reads one tensor into its place among `values`.
absl::Status ReadTensor(const PopefModel& model, StateReader& reader,
                        std::vector<std::optional<std::string>>& values) {
  GF_ASSIGN_OR_RETURN(const absl::string_view name, reader.Text());
  GF_ASSIGN_OR_RETURN(const absl::string_view type, reader.Text());
  GF_ASSIGN_OR_RETURN(const uint64_t rank, reader.Integer());
  std::vector<int64_t> shape;
  for (uint64_t i = 0; i < rank; ++i) {
    GF_ASSIGN_OR_RETURN(const uint64_t size, reader.Integer());
    shape.push_back(static_cast<int64_t>(size));
  }
  GF_ASSIGN_OR_RETURN(const absl::string_view value, reader.Text());
  const std::optional<size_t> index = FindWeight(model, name);
  if (!index.has_value()) return StateError(absl::StrCat("the model has no tensor ", name));
  const PopefTensor& weight = model.weights[*index];
  if (type != weight.type || shape != weight.shape) {
    return StateError(absl::StrCat("tensor ", name, " is ", Describe(type, shape),
                                   ", and the model's is ", Describe(weight.type, weight.shape)));
  }
  if (value.size() != ValueBytes(model, weight)) {
    return StateError(absl::StrCat("tensor ", name, " has ", value.size(),
                                   " bytes, and the model's ", ValueBytes(model, weight),
                                   " with all replicas"));
  }
  if (values[*index].has_value()) return StateError(absl::StrCat("tensor ", name, " comes twice"));
  values[*index] = std::string(value);
  return absl::OkStatus();
}

}  // namespace

std::string WritePopefState(const PopefModel& model, const std::vector<std::string>& values) {
  std::string bytes(kMagic);
  AppendInteger(values.size(), bytes);
  for (size_t i = 0; i < values.size(); ++i) {
    const PopefTensor& weight = model.weights[i];
    AppendText(weight.name, bytes);
    AppendText(weight.type, bytes);
    AppendInteger(weight.shape.size(), bytes);
    for (const int64_t size : weight.shape) AppendInteger(static_cast<uint64_t>(size), bytes);
    AppendText(values[i], bytes);
  }
  bytes += DigestBytes(bytes);
  return bytes;
}

absl::StatusOr<std::vector<std::string>> ReadPopefState(const PopefModel& model,
                                                        const std::string& state) {
  const absl::string_view bytes = state;
  if (bytes.substr(0, kMagic.size()) != kMagic || bytes.size() < kMagic.size() + kDigestBytes) {
    return StateError("does not begin with GFPOPEF1: another executor's?");
  }
  const absl::string_view content = bytes.substr(0, bytes.size() - kDigestBytes);
  if (DigestBytes(content) != bytes.substr(content.size())) return StateError("is damaged");
  StateReader reader(content.substr(kMagic.size()));
  GF_ASSIGN_OR_RETURN(const uint64_t count, reader.Integer());
  std::vector<std::optional<std::string>> found(model.weights.size());
  for (uint64_t i = 0; i < count; ++i) GF_RETURN_IF_ERROR(ReadTensor(model, reader, found));
  if (!reader.AtEnd()) return StateError("goes on after its last tensor");
  std::vector<std::string> values;
  for (size_t i = 0; i < found.size(); ++i) {
    if (!found[i].has_value()) {
      return StateError(absl::StrCat("lacks tensor ", model.weights[i].name));
    }
    values.push_back(*std::move(found[i]));
  }
  return values;
}

}  // namespace graphfeed
