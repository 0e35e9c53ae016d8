#include "storage/ingest/adjacency_builder.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "storage/base/status_macros.h"
#include "storage/base/work_scope.h"
#include "storage/chunks/column_reader.h"
#include "storage/chunks/column_writer.h"

namespace graphfeed {
namespace {

// What an open bucket takes: its writer's chunk and the engine's buffers, and edges on their way.
constexpr int64_t kBucketBytes = 512 << 10;
constexpr size_t kBufferedEdges = 128;
constexpr int64_t kMinBuckets = 4;
constexpr int64_t kMaxBuckets = 256;
// The targets of a split are counted in so many cells.
constexpr int64_t kMaxCells = int64_t{1} << 16;
// Rows are handed to writers in pieces of about so many.
constexpr int64_t kPieceRows = 4096;

static_assert(sizeof(Edge) == 24, "the row of a bucket");

template <typename T>
absl::string_view AsBytes(const T* values, size_t count) {
  return absl::string_view(reinterpret_cast<const char*>(values), count * sizeof(T));
}

// Counts what a step of the build holds among the bytes of running ingests.
class IngestCharge {
 public:
  IngestCharge(IngestHost& host, int64_t bytes) : host_(host), bytes_(bytes) {
    host_.AddIngestBytes(bytes_);
  }
  ~IngestCharge() { host_.AddIngestBytes(-bytes_); }
  IngestCharge(const IngestCharge&) = delete;
  IngestCharge& operator=(const IngestCharge&) = delete;

 private:
  IngestHost& host_;
  const int64_t bytes_;
};

// Edges whose targets are all in [begin, end), in order of their ids: in a temporary column, or
// where there is none the whole edge_index.
struct Bucket {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t num_edges = 0;
  std::optional<ColumnStorage> stored;

  int64_t width() const { return end - begin; }
};

class Builder {
 public:
  Builder(IngestHost& host, const EdgeList& edges, const AdjacencyOptions& options,
          NewColumns& columns)
      : host_(host), edges_(edges), options_(options), columns_(columns) {}

  absl::StatusOr<StoredAdjacency> Build();

 private:
  using EdgeVisitor = absl::FunctionRef<absl::Status(absl::Span<const Edge>)>;

  absl::StatusOr<ColumnWriter> OpenWriter(int64_t row_bytes);
  absl::Status Scan(const Bucket& bucket, EdgeVisitor visitor);

  // Bytes that a counting sort takes.
  int64_t SortBytes(int64_t num_targets, int64_t num_edges) const {
    const auto edge_bytes = static_cast<int64_t>(SizeOf(source_type_) + SizeOf(id_type_));
    return (num_targets + 1) * static_cast<int64_t>(sizeof(int64_t)) + num_edges * edge_bytes;
  }

  // These append a bucket, the next one in order of targets, to the lists.
  absl::Status Append(const Bucket& bucket);
  absl::Status AppendEmpty(const Bucket& bucket);
  template <typename Source, typename Id>
  absl::Status AppendSorted(const Bucket& bucket);
  template <typename Source, typename Id>
  absl::Status AppendOneTarget(const Bucket& bucket);
  absl::Status AppendSplit(const Bucket& bucket);

  // Divides the targets of a bucket into at least two ranges of sizes that fit, as far as that is
  // possible with few of them.
  absl::StatusOr<std::vector<Bucket>> PlanSplit(const Bucket& bucket);
  // Writes the edges of `bucket` into a temporary column for each part that has any.
  absl::Status WriteParts(const Bucket& bucket, std::vector<Bucket>& parts);

  // Calls `append(Source{}, Id{})` with the element types of the lists.
  template <typename AppendAs>
  absl::Status WithIdTypes(AppendAs append) {
    const bool narrow_id = id_type_ == DType::kInt32;
    if (source_type_ == DType::kInt32) {
      return narrow_id ? append(int32_t{}, int32_t{}) : append(int32_t{}, int64_t{});
    }
    return narrow_id ? append(int64_t{}, int32_t{}) : append(int64_t{}, int64_t{});
  }

  IngestHost& host_;
  const EdgeList& edges_;
  const AdjacencyOptions& options_;
  NewColumns& columns_;
  const DType source_type_ = IdType(edges_.num_sources);
  const DType id_type_ = IdType(edges_.num_edges);
  std::optional<ColumnWriter> in_ptr_;
  std::optional<ColumnWriter> in_source_;
  std::optional<ColumnWriter> in_edge_id_;
  int64_t num_appended_ = 0;  // edges
};

absl::StatusOr<ColumnWriter> Builder::OpenWriter(int64_t row_bytes) {
  GF_ASSIGN_OR_RETURN(const uint64_t uid, columns_.Add());
  return ColumnWriter(host_.store(), uid, row_bytes, options_.chunk_bytes);
}

absl::StatusOr<StoredAdjacency> Builder::Build() {
  const auto open = [&](DType dtype, std::optional<ColumnWriter>& writer) -> absl::Status {
    GF_ASSIGN_OR_RETURN(ColumnWriter opened, OpenWriter(static_cast<int64_t>(SizeOf(dtype))));
    writer.emplace(std::move(opened));
    return absl::OkStatus();
  };
  GF_RETURN_IF_ERROR(open(DType::kInt64, in_ptr_));
  GF_RETURN_IF_ERROR(open(source_type_, in_source_));
  GF_RETURN_IF_ERROR(open(id_type_, in_edge_id_));
  const int64_t zero = 0;
  GF_RETURN_IF_ERROR(in_ptr_->Append(1, AsBytes(&zero, 1)));
  GF_RETURN_IF_ERROR(Append({0, edges_.num_targets, edges_.num_edges, std::nullopt}));
  for (auto* writer : {&in_ptr_, &in_source_, &in_edge_id_}) {
    GF_RETURN_IF_ERROR((*writer)->Finish());
  }
  return StoredAdjacency{in_ptr_->stored(), in_source_->stored(), in_edge_id_->stored()};
}

absl::Status Builder::Scan(const Bucket& bucket, EdgeVisitor use) {
  const auto visitor = [&](absl::Span<const Edge> edges) -> absl::Status {
    GF_RETURN_IF_ERROR(CheckWanted());
    return use(edges);
  };
  if (!bucket.stored) return ScanEdges(host_.store(), edges_, visitor);
  std::vector<Edge> some;
  return ReadColumn(host_.store(), *bucket.stored, [&](absl::string_view rows) {
    some.resize(rows.size() / sizeof(Edge));
    std::memcpy(some.data(), rows.data(), rows.size());
    return visitor(some);
  });
}

absl::Status Builder::Append(const Bucket& bucket) {
  if (bucket.num_edges == 0) return AppendEmpty(bucket);
  if (SortBytes(bucket.width(), bucket.num_edges) <= options_.memory_bytes) {
    return WithIdTypes(
        [&](auto source, auto id) { return AppendSorted<decltype(source), decltype(id)>(bucket); });
  }
  if (bucket.width() == 1) {
    return WithIdTypes([&](auto source, auto id) {
      return AppendOneTarget<decltype(source), decltype(id)>(bucket);
    });
  }
  return AppendSplit(bucket);
}

absl::Status Builder::AppendEmpty(const Bucket& bucket) {
  const std::vector<int64_t> same(static_cast<size_t>(std::min(bucket.width(), kPieceRows)),
                                  num_appended_);
  for (int64_t left = bucket.width(); left > 0;) {
    const int64_t rows = std::min(left, kPieceRows);
    GF_RETURN_IF_ERROR(CheckWanted());
    GF_RETURN_IF_ERROR(in_ptr_->Append(rows, AsBytes(same.data(), static_cast<size_t>(rows))));
    left -= rows;
  }
  return absl::OkStatus();
}

template <typename Source, typename Id>
absl::Status Builder::AppendSorted(const Bucket& bucket) {
  const IngestCharge charge(host_, SortBytes(bucket.width(), bucket.num_edges));
  const auto width = static_cast<size_t>(bucket.width());
  // First counts, one place further on; then where the next edge of each target goes.
  std::vector<int64_t> next(width + 1);
  GF_RETURN_IF_ERROR(Scan(bucket, [&](absl::Span<const Edge> edges) {
    for (const Edge& edge : edges) ++next[static_cast<size_t>(edge.target - bucket.begin) + 1];
    return absl::OkStatus();
  }));
  next[0] = num_appended_;
  for (size_t t = 1; t <= width; ++t) next[t] += next[t - 1];
  GF_RETURN_IF_ERROR(in_ptr_->Append(bucket.width(), AsBytes(next.data() + 1, width)));

  const auto size = static_cast<size_t>(bucket.num_edges);
  const auto sources = std::make_unique_for_overwrite<Source[]>(size);
  const auto ids = std::make_unique_for_overwrite<Id[]>(size);
  GF_RETURN_IF_ERROR(Scan(bucket, [&](absl::Span<const Edge> edges) {
    for (const Edge& edge : edges) {
      const auto place = static_cast<size_t>(
          next[static_cast<size_t>(edge.target - bucket.begin)]++ - num_appended_);
      sources[place] = static_cast<Source>(edge.source);
      ids[place] = static_cast<Id>(edge.id);
    }
    return absl::OkStatus();
  }));
  num_appended_ += bucket.num_edges;
  GF_RETURN_IF_ERROR(in_source_->Append(bucket.num_edges, AsBytes(sources.get(), size)));
  return in_edge_id_->Append(bucket.num_edges, AsBytes(ids.get(), size));
}

template <typename Source, typename Id>
absl::Status Builder::AppendOneTarget(const Bucket& bucket) {
  num_appended_ += bucket.num_edges;
  GF_RETURN_IF_ERROR(in_ptr_->Append(1, AsBytes(&num_appended_, 1)));
  std::vector<Source> sources;
  std::vector<Id> ids;
  return Scan(bucket, [&](absl::Span<const Edge> edges) -> absl::Status {
    sources.clear();
    ids.clear();
    for (const Edge& edge : edges) {
      sources.push_back(static_cast<Source>(edge.source));
      ids.push_back(static_cast<Id>(edge.id));
    }
    const auto rows = static_cast<int64_t>(edges.size());
    GF_RETURN_IF_ERROR(in_source_->Append(rows, AsBytes(sources.data(), sources.size())));
    return in_edge_id_->Append(rows, AsBytes(ids.data(), ids.size()));
  });
}

absl::Status Builder::AppendSplit(const Bucket& bucket) {
  GF_ASSIGN_OR_RETURN(std::vector<Bucket> parts, PlanSplit(bucket));
  const auto whole = std::find_if(parts.begin(), parts.end(), [&](const Bucket& part) {
    return part.num_edges == bucket.num_edges;
  });
  if (whole != parts.end()) {
    whole->stored = bucket.stored;  // all edges go into one part: as good as written already
  } else {
    GF_RETURN_IF_ERROR(WriteParts(bucket, parts));
  }
  for (const Bucket& part : parts) {
    GF_RETURN_IF_ERROR(Append(part));
    if (whole == parts.end() && part.stored) columns_.Discard(part.stored->uid);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Bucket>> Builder::PlanSplit(const Bucket& bucket) {
  const int64_t wanted_cells = std::clamp<int64_t>(
      options_.memory_bytes / (4 * static_cast<int64_t>(sizeof(int64_t))), 2, kMaxCells);
  const int64_t cell_width = (bucket.width() + wanted_cells - 1) / wanted_cells;
  std::vector<int64_t> counts(static_cast<size_t>((bucket.width() + cell_width - 1) / cell_width));
  const IngestCharge charge(host_, static_cast<int64_t>(counts.size() * sizeof(int64_t)));
  GF_RETURN_IF_ERROR(Scan(bucket, [&](absl::Span<const Edge> edges) {
    for (const Edge& edge : edges) {
      ++counts[static_cast<size_t>((edge.target - bucket.begin) / cell_width)];
    }
    return absl::OkStatus();
  }));

  // Cells are put together up to a capacity: what fits, or more where that makes too many parts.
  // Two neighbouring parts together exceed it, so there are at most num_parts; and it is less than
  // the whole bucket, so there are at least two.
  const int64_t num_parts =
      std::clamp(options_.memory_bytes / 2 / kBucketBytes, kMinBuckets, kMaxBuckets);
  const int64_t capacity = std::max(
      options_.memory_bytes, SortBytes(bucket.width(), bucket.num_edges) / (num_parts - 1) * 2);
  std::vector<Bucket> parts;
  for (size_t c = 0; c < counts.size(); ++c) {
    const int64_t begin = bucket.begin + static_cast<int64_t>(c) * cell_width;
    const int64_t end = std::min(begin + cell_width, bucket.end);
    if (parts.empty() ||
        SortBytes(end - parts.back().begin, parts.back().num_edges + counts[c]) > capacity) {
      parts.push_back({.begin = begin, .stored = std::nullopt});
    }
    parts.back().end = end;
    parts.back().num_edges += counts[c];
  }
  return parts;
}

absl::Status Builder::WriteParts(const Bucket& bucket, std::vector<Bucket>& parts) {
  const IngestCharge charge(host_, static_cast<int64_t>(parts.size()) * kBucketBytes);
  struct Part {
    std::optional<ColumnWriter> writer;
    std::vector<Edge> buffer;

    absl::Status Flush() {
      absl::Status status = writer->Append(static_cast<int64_t>(buffer.size()),
                                           AsBytes(buffer.data(), buffer.size()));
      buffer.clear();
      return status;
    }
  };
  std::vector<Part> open(parts.size());
  std::vector<int64_t> ends;
  for (size_t p = 0; p < parts.size(); ++p) {
    ends.push_back(parts[p].end);
    if (parts[p].num_edges == 0) continue;
    GF_ASSIGN_OR_RETURN(ColumnWriter writer, OpenWriter(sizeof(Edge)));
    open[p].writer.emplace(std::move(writer));
    open[p].buffer.reserve(kBufferedEdges);
  }
  const absl::Status written = Scan(bucket, [&](absl::Span<const Edge> edges) -> absl::Status {
    for (const Edge& edge : edges) {
      const auto end = std::upper_bound(ends.begin(), ends.end(), edge.target);
      Part& part = open[static_cast<size_t>(end - ends.begin())];
      part.buffer.push_back(edge);
      if (part.buffer.size() == kBufferedEdges) GF_RETURN_IF_ERROR(part.Flush());
    }
    return absl::OkStatus();
  });
  GF_RETURN_IF_ERROR(written);
  for (size_t p = 0; p < parts.size(); ++p) {
    if (!open[p].writer) continue;
    GF_RETURN_IF_ERROR(open[p].Flush());
    GF_RETURN_IF_ERROR(open[p].writer->Finish());
    parts[p].stored = open[p].writer->stored().storage;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<StoredAdjacency> BuildAdjacency(IngestHost& host, const EdgeList& edges,
                                               const AdjacencyOptions& options,
                                               NewColumns& columns) {
  return Builder(host, edges, options, columns).Build();
}

}  // namespace graphfeed
