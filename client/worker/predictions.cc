#include "client/worker/predictions.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "client/worker/binding.h"
#include "client/worker/whole_file.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

absl::string_view NpyType(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return "|b1";
    case DType::kUint8:
      return "|u1";
    case DType::kInt8:
      return "|i1";
    case DType::kInt16:
      return "<i2";
    case DType::kInt32:
      return "<i4";
    case DType::kInt64:
      return "<i8";
    case DType::kFloat16:
      return "<f2";
    case DType::kFloat32:
      return "<f4";
    default:
      return "<f8";
  }
}

// Integers of micro-batch `m` of a tensor, whichever index dtype they have.
std::optional<std::vector<int64_t>> Indices(const Batch& batch, absl::string_view store,
                                            absl::string_view name, size_t m) {
  const std::optional<TensorView> view = batch.Find(store, name);
  if (!view.has_value()) return std::nullopt;
  const int64_t k = batch.layout().micro_batches;
  const size_t count = static_cast<size_t>(view->shape[0] / k);
  std::vector<int64_t> indices(count);
  for (size_t i = 0; i < count; ++i) {
    const std::byte* at = view->data + (m * count + i) * SizeOf(view->dtype);
    if (view->dtype == DType::kInt32) {
      int32_t value;
      std::memcpy(&value, at, sizeof(value));
      indices[i] = value;
    } else {
      std::memcpy(&indices[i], at, sizeof(int64_t));
    }
  }
  return indices;
}

absl::Status Unclear(const OutputTensor& output, absl::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat("output ", output.name, " of shape [",
                                                    absl::StrJoin(output.shape, ", "), "] ", what));
}

}  // namespace

std::string NpyHeader(DType dtype, const std::vector<int64_t>& shape) {
  std::string header =
      absl::StrCat("{'descr': '", NpyType(dtype), "', 'fortran_order': False, 'shape': (",
                   absl::StrJoin(shape, ", "), shape.size() == 1 ? ",), }" : "), }");
  constexpr size_t kBefore = 10;
  header.append(63 - (kBefore + header.size()) % 64, ' ');
  header += '\n';
  std::string bytes("\x93NUMPY\x01\x00", 8);
  bytes += static_cast<char>(header.size() & 0xff);
  bytes += static_cast<char>(header.size() >> 8);
  return bytes + header;
}

absl::StatusOr<std::vector<int64_t>> Predictions::NodeIds(const Batch& batch, size_t m,
                                                          const OutputTensor& output,
                                                          size_t type) const {
  const Layout& layout = batch.layout();
  const Counts& real = batch.info().real[m];
  const std::string store = layout.heterogeneous ? layout.node_types[type] : "";
  const auto num_real = static_cast<size_t>(real.nodes[type]);
  if (collection_) {
    const std::vector<std::vector<int64_t>>& graphs = batch.info().graph_ids;
    std::optional<std::vector<int64_t>> ids = Indices(batch, store, "batch", m);
    if (!ids.has_value() || graphs.size() <= m) {
      return Unclear(output, "is of nodes: that needs the batches' `batch` and graph ids");
    }
    ids->resize(num_real);
    for (int64_t& id : *ids) id = graphs[m].at(static_cast<size_t>(id));
    return *std::move(ids);
  }
  std::optional<std::vector<int64_t>> ids = Indices(batch, store, "n_id", m);
  if (!ids.has_value()) {
    ids.emplace(num_real);
    std::iota(ids->begin(), ids->end(), 0);
    return *std::move(ids);
  }
  if (strategy_ == Strategy::kCluster) {
    ids->resize(num_real);
    return *std::move(ids);
  }
  // Others than the seeds were only seen in part; seeds that are edges have no node of their own.
  if (!batch.Find(store, "input_id").has_value() || links_) {
    return Unclear(output, links_ ? "is of nodes; predictions around seed edges are not kept"
                                  : "is of nodes that are no seeds");
  }
  ids->resize(static_cast<size_t>(real.seeds));
  return *std::move(ids);
}

absl::StatusOr<std::vector<int64_t>> Predictions::Ids(const Batch& batch, size_t m,
                                                      const OutputTensor& output) const {
  const Layout& layout = batch.layout();
  const Counts& padded = layout.ragged ? batch.info().real[m] : layout.padded;
  const int64_t num_rows = output.shape.empty() ? -1 : output.shape[0];
  const auto declared =
      std::find_if(outputs_.begin(), outputs_.end(),
                   [&](const ModelTensor& tensor) { return tensor.name == output.name; });
  const std::string axis = declared == outputs_.end() ? "" : declared->axis;
  std::vector<size_t> types;
  for (size_t type = 0; type < padded.nodes.size(); ++type) {
    const bool other = declared != outputs_.end() && !declared->store.empty() &&
                       layout.node_types[type] != declared->store;
    if (!other && padded.nodes[type] == num_rows) types.push_back(type);
  }
  const bool graphs = axis != "nodes" && collection_ && padded.graphs == num_rows;
  const bool nodes = axis != "graphs" && !types.empty();
  if (graphs && nodes) {
    return Unclear(output, "can be of graphs and of nodes: the model has to say which (axis)");
  }
  if (graphs) {
    const std::vector<std::vector<int64_t>>& ids = batch.info().graph_ids;
    if (ids.size() <= m) return Unclear(output, "needs batches with graph ids");
    return ids[m];
  }
  if (nodes && types.size() > 1) {
    return Unclear(output, "can be of several node types: the model has to say which (store)");
  }
  if (!nodes) {
    return Unclear(output, absl::StrCat("has no row for each ",
                                        axis.empty()       ? "graph or node"
                                        : axis == "graphs" ? "graph"
                                                           : "node",
                                        " of the padded batch"));
  }
  return NodeIds(batch, m, output, types[0]);
}

absl::Status Predictions::Add(const Batch& batch, const std::vector<OutputTensor>& outputs) {
  const FrameInfo& info = batch.info();
  for (const ModelTensor& declared : outputs_) {
    const auto is_it = [&](const OutputTensor& output) { return output.name == declared.name; };
    if (std::none_of(outputs.begin(), outputs.end(), is_it)) {
      return absl::FailedPreconditionError(
          absl::StrCat("the model has no output ", declared.name, ", which it says it has"));
    }
  }
  if (info.null_frame || info.repeat) return absl::OkStatus();
  for (const OutputTensor& output : outputs) {
    if (output.name.empty() || absl::StrContains(output.name, '/') || output.name[0] == '.' ||
        absl::EndsWith(output.name, ".ids")) {
      return absl::FailedPreconditionError(
          absl::StrCat("an output named \"", output.name, "\" is no name of a file"));
    }
    size_t row_bytes = SizeOf(output.dtype);
    for (size_t i = 1; i < output.shape.size(); ++i) {
      row_bytes *= static_cast<size_t>(output.shape[i]);
    }
    for (size_t m = 0; m < info.real.size(); ++m) {
      if (info.real[m].graphs == 0) continue;
      GF_ASSIGN_OR_RETURN(const std::vector<int64_t> ids, Ids(batch, m, output));
      Rows& rows = rows_[output.name];
      if (rows.ids.empty()) {
        rows.dtype = output.dtype;
        rows.row_shape.assign(output.shape.begin() + 1, output.shape.end());
        rows.row_bytes = row_bytes;
      }
      const auto rows_per_batch = static_cast<size_t>(output.shape[0]);
      if (rows.row_bytes != row_bytes || rows.dtype != output.dtype ||
          ids.size() > rows_per_batch ||
          output.data.size() != info.real.size() * rows_per_batch * row_bytes) {
        return Unclear(output, "has other rows than before");
      }
      const std::byte* data = output.data.data() + m * rows_per_batch * row_bytes;
      rows.ids.insert(rows.ids.end(), ids.begin(), ids.end());
      rows.data.insert(rows.data.end(), data, data + ids.size() * row_bytes);
    }
  }
  return absl::OkStatus();
}

absl::Status Predictions::MakeFolder(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (!error && access(folder.c_str(), W_OK) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "--predictions: \"", folder,
      "\" cannot be written: ", error ? error.message() : std::string(std::strerror(errno))));
}

absl::Status Predictions::Write(const std::string& folder, const std::string& suffix) const {
  for (const auto& [name, rows] : rows_) {
    std::vector<size_t> order(rows.ids.size());
    std::iota(order.begin(), order.end(), size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&ids = rows.ids](size_t a, size_t b) { return ids[a] < ids[b]; });
    std::string data;
    std::string ids;
    data.reserve(rows.data.size());
    for (const size_t row : order) {
      data.append(reinterpret_cast<const char*>(rows.data.data()) + row * rows.row_bytes,
                  rows.row_bytes);
      ids.append(reinterpret_cast<const char*>(&rows.ids[row]), sizeof(int64_t));
    }
    const auto num_rows = static_cast<int64_t>(order.size());
    std::vector<int64_t> shape = rows.row_shape;
    shape.insert(shape.begin(), num_rows);
    const std::string path = absl::StrCat(folder, "/", name);
    GF_RETURN_IF_ERROR(
        WriteWholeFile(absl::StrCat(path, suffix, ".npy"), {NpyHeader(rows.dtype, shape), data}));
    GF_RETURN_IF_ERROR(WriteWholeFile(absl::StrCat(path, ".ids", suffix, ".npy"),
                                      {NpyHeader(DType::kInt64, {num_rows}), ids}));
  }
  return absl::OkStatus();
}

int64_t Predictions::num_rows() const {
  return rows_.empty() ? 0 : static_cast<int64_t>(rows_.begin()->second.ids.size());
}

}  // namespace graphfeed
