#include "storage/ingest/spec.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "storage/base/status_macros.h"
#include "storage/ingest/graph_check.h"

namespace graphfeed {
namespace {

constexpr size_t kMaxNameBytes = 128;

absl::Status CheckSizes(absl::string_view field, const std::vector<int64_t>& sizes,
                        size_t num_types) {
  if (sizes.size() != num_types) {
    return absl::InvalidArgumentError(absl::StrCat(field, " has ", sizes.size(),
                                                   " entries; a single graph declares its size, ",
                                                   "one for each of ", num_types, " types"));
  }
  for (const int64_t size : sizes) {
    GF_RETURN_IF_ERROR(CheckSize(field, size));
  }
  return absl::OkStatus();
}

// Lists of transforms are kept with the version, and come with every list of datasets.
constexpr size_t kMaxTransforms = 1024;
constexpr size_t kMaxTransformBytes = 64 << 10;

absl::Status CheckTransformTexts(absl::string_view field, const std::vector<std::string>& texts) {
  size_t bytes = 0;
  for (const std::string& text : texts) bytes += text.size();
  if (texts.size() <= kMaxTransforms && bytes <= kMaxTransformBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " has ", texts.size(), " entries of ", bytes, " bytes; at most ",
                   kMaxTransforms, " entries of ", kMaxTransformBytes, " bytes in all"));
}

}  // namespace

absl::Status CheckDatasetName(absl::string_view name) {
  const auto allowed = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
  };
  if (!name.empty() && name.size() <= kMaxNameBytes &&
      absl::ascii_isalnum(static_cast<unsigned char>(name[0])) &&
      std::all_of(name.begin(), name.end(), allowed)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "dataset name \"", name.substr(0, 2 * kMaxNameBytes), "\": a name has 1 to ", kMaxNameBytes,
      " letters, digits, '_', '.' or '-', and starts with a letter or digit"));
}

absl::StatusOr<DatasetReference> ParseDatasetReference(absl::string_view text) {
  const size_t at = text.find('@');
  DatasetReference reference{.name = std::string(text.substr(0, at)), .version = std::nullopt};
  GF_RETURN_IF_ERROR(CheckDatasetName(reference.name));
  if (at != absl::string_view::npos) {
    int64_t version = 0;
    const absl::string_view digits = text.substr(at + 1);
    const bool plain = std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit);
    if (!plain || !absl::SimpleAtoi(digits, &version) || version < 1) {
      return absl::InvalidArgumentError(absl::StrCat("dataset \"",
                                                     text.substr(0, 4 * kMaxNameBytes),
                                                     "\": after '@' comes a version, 1 or more"));
    }
    reference.version = version;
  }
  return reference;
}

absl::StatusOr<Schema> CheckIngestSpec(const IngestSpec& spec) {
  GF_RETURN_IF_ERROR(CheckDatasetName(spec.name));
  if (spec.copy_of.has_value()) {
    if (spec.copy_of->version < 0 || spec.copy_of->version > kMaxCopiedVersion) {
      return absl::InvalidArgumentError(absl::StrCat("copy_of.version is ", spec.copy_of->version,
                                                     "; it is 0 to ", kMaxCopiedVersion));
    }
    GF_RETURN_IF_ERROR(CheckTransformTexts("copy_of.transforms", spec.copy_of->transforms));
    if (!spec.transforms.empty()) {
      return absl::InvalidArgumentError(
          "transforms are given with copy_of; a copy has the rows of the original");
    }
  }
  std::vector<std::string> texts;
  for (const Transform& transform : spec.transforms) texts.push_back(TransformName(transform));
  GF_RETURN_IF_ERROR(CheckTransformTexts("transforms", texts));
  Schema schema = Schema::Homogeneous(spec.collection);
  if (spec.heterogeneous) {
    schema.heterogeneous = true;
    schema.node_types = spec.node_types;
    schema.edge_types = spec.edge_types;
    if (!spec.kinds.empty()) {
      return absl::InvalidArgumentError(
          "kinds is for homogeneous datasets; heterogeneous columns come with their level");
    }
  } else if (!spec.node_types.empty() || !spec.edge_types.empty()) {
    return absl::InvalidArgumentError(
        "node_types and edge_types are for heterogeneous datasets; heterogeneous is not set");
  }
  GF_RETURN_IF_ERROR(ValidateSchema(schema));
  if (!spec.collection) {
    GF_RETURN_IF_ERROR(CheckSizes("num_nodes", spec.num_nodes, schema.node_types.size()));
    GF_RETURN_IF_ERROR(CheckSizes("num_edges", spec.num_edges, schema.edge_types.size()));
  } else if (!spec.num_nodes.empty() || !spec.num_edges.empty()) {
    return absl::InvalidArgumentError(
        "num_nodes and num_edges are for a single graph; a collection's blocks bring their sizes");
  }
  return schema;
}

}  // namespace graphfeed
