#include "client/worker/binding.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "client/worker/conversion.h"

namespace graphfeed {
namespace {

std::string ShapeText(const std::vector<int64_t>& shape) {
  const auto size = [](std::string* out, int64_t value) {
    absl::StrAppend(out, value < 0 ? "any" : absl::StrCat(value));
  };
  return absl::StrCat("[", absl::StrJoin(shape, ", ", size), "]");
}

std::string TensorText(const std::optional<DType>& dtype,
                       const std::optional<std::vector<int64_t>>& shape) {
  return absl::StrCat(dtype.has_value() ? DTypeName(*dtype) : "any dtype",
                      shape.has_value() ? absl::StrCat(" ", ShapeText(*shape)) : "");
}

bool SameShape(const std::vector<int64_t>& wanted, const std::vector<int64_t>& got, bool ragged) {
  if (wanted.size() != got.size()) return false;
  return ragged || std::equal(wanted.begin(), wanted.end(), got.begin(),
                              [](int64_t want, int64_t have) { return want < 0 || want == have; });
}

// One line of the table that an error is.
struct Row {
  std::string input;
  std::string model;
  std::string batch;
  std::string fault;
};

std::string Table(const std::vector<Row>& rows) {
  size_t input = 5;
  size_t model = 5;
  size_t batch = 5;
  for (const Row& row : rows) {
    input = std::max(input, row.input.size());
    model = std::max(model, row.model.size());
    batch = std::max(batch, row.batch.size());
  }
  std::string text;
  const auto add = [&](const Row& row) {
    std::string line = absl::StrFormat("\n  %-*s  %-*s  %-*s  %s", input, row.input, model,
                                       row.model, batch, row.batch, row.fault);
    absl::StrAppend(&text, absl::StripTrailingAsciiWhitespace(line));
  };
  add({"input", "model", "batch", ""});
  for (const Row& row : rows) add(row);
  return text;
}

}  // namespace

std::string FieldName(const TensorSpec& tensor) {
  std::string name =
      tensor.store.empty()
          ? tensor.name
          : absl::StrCat(absl::StrReplaceAll(tensor.store, {{"|", "__"}}), "__", tensor.name);
  for (char& c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  return name;
}

std::vector<int64_t> MicroBatchShape(const TensorPlace& place, int64_t micro_batches) {
  std::vector<int64_t> shape = place.shape;
  if (!shape.empty() && micro_batches > 1) shape[0] /= micro_batches;
  return shape;
}

absl::StatusOr<Binding> Bind(const ModelDescription& model, const Layout& layout,
                             const std::map<std::string, std::string>& fields) {
  std::map<std::string, int> by_name;
  std::vector<std::string> names;
  for (size_t i = 0; i < layout.tensors.size(); ++i) {
    names.push_back(FieldName(layout.tensors[i]));
    by_name.emplace(names.back(), static_cast<int>(i));
  }
  for (const auto& [input, field] : fields) {
    const auto is_it = [&, &name = input](const ModelTensor& tensor) {
      return tensor.name == name;
    };
    if (std::none_of(model.inputs.begin(), model.inputs.end(), is_it)) {
      return absl::InvalidArgumentError(
          absl::StrCat("a field is bound to \"", input, "\", which the model does not take"));
    }
  }
  Binding binding;
  std::vector<Row> rows;
  bool fits = true;
  std::vector<bool> taken(layout.tensors.size(), false);
  for (const ModelTensor& input : model.inputs) {
    const auto renamed = fields.find(input.name);
    const std::string& field = renamed == fields.end() ? input.name : renamed->second;
    const auto found = by_name.find(field);
    Row row{input.name, TensorText(input.dtype, input.shape), "-", ""};
    Binding::Input bound;
    if (found == by_name.end()) {
      if (!input.optional || renamed != fields.end()) {
        row.fault = absl::StrCat("<- the batches have no ", field);
      }
    } else {
      bound.tensor = found->second;
      taken[bound.tensor] = true;
      const DType dtype = layout.tensors[bound.tensor].dtype;
      std::vector<int64_t> shape;
      if (layout.ragged) {
        const TensorSpec& spec = layout.tensors[bound.tensor];
        shape = spec.row_shape;
        shape.insert(spec.concat_last ? shape.end() : shape.begin(), -1);
      } else {
        shape = MicroBatchShape(layout.places[bound.tensor], layout.micro_batches);
      }
      row.batch = absl::StrCat(field == input.name ? "" : absl::StrCat(field, ": "),
                               TensorText(dtype, shape));
      if (input.dtype.has_value() && !CanConvert(dtype, *input.dtype)) {
        row.fault = absl::StrCat("<- ", DTypeName(dtype), " is not made ", DTypeName(*input.dtype));
      } else if (input.shape.has_value() && !SameShape(*input.shape, shape, layout.ragged)) {
        row.fault = "<- another shape";
      }
      if (input.dtype.has_value() && *input.dtype != dtype) bound.dtype = input.dtype;
    }
    fits = fits && row.fault.empty();
    rows.push_back(std::move(row));
    binding.inputs.push_back(bound);
    binding.shapes.push_back(input.shape);
  }
  if (fits) return binding;
  std::vector<std::string> others;
  for (size_t i = 0; i < names.size(); ++i) {
    if (!taken[i]) others.push_back(names[i]);
  }
  return absl::FailedPreconditionError(absl::StrCat(
      "the batches are not what the model takes:", Table(rows),
      others.empty()
          ? ""
          : absl::StrCat("\n  The batches also have ", absl::StrJoin(others, ", "), ".")));
}

}  // namespace graphfeed
