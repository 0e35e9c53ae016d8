#ifndef GRAPHFEED_CLIENT_FLAGS_SPEC_FLAGS_H_
#define GRAPHFEED_CLIENT_FLAGS_SPEC_FLAGS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "CLI/App.hpp"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/cpp/client.h"
#include "client/flags/sampling_flags.h"
#include "proto/frame/batch_spec.h"
#include "proto/frame/size_choice.h"

namespace graphfeed {

// For whoever gives none.
uint64_t DrawSeed();

// "100" for all types, or "movie=100,director=50".
absl::StatusOr<std::map<std::string, int64_t>> ParseTypedSizes(absl::string_view flag,
                                                               absl::string_view text);
// "nodes=2304", "bytes=500000", "graphs=128".
absl::StatusOr<SizeTarget> ParseSizeTarget(absl::string_view text);
// "0:150" or "3,1,2", or "@FILE" with one of them.
absl::StatusOr<Selection> ParseSelection(absl::string_view text);

// The flags that say which batches: shared by plan, stream and verify.
class SpecFlags {
 public:
  // Without `needs_dataset` the command looks itself whether there must be one.
  void Register(CLI::App& command, bool needs_dataset = true);
  // A stream's options but for what only one command has. A seed that was not given is drawn.
  // INVALID_ARGUMENT names the flag.
  absl::StatusOr<StreamOptions> Build() const;
  const std::string& dataset() const { return dataset_; }
  // What --best says. INVALID_ARGUMENT names the flag.
  absl::StatusOr<std::optional<SizeTarget>> target() const;
  // The sizes that the flags do not tell, into `options`: those of --best; those of sampled, padded
  // batches from batches that the server makes, with what is known of them.
  absl::StatusOr<std::optional<SizeEstimate>> EstimateSizes(Client& client,
                                                            StreamOptions& options) const;

 private:
  absl::Status BuildBatches(BatchSpec& spec) const;
  absl::Status BuildSizes(BatchSpec& spec) const;

  absl::Status CheckBest(const BatchSpec& spec) const;

  SamplingFlags sampling_;
  std::string dataset_;
  std::string strategy_ = "pad";
  std::string over_size_;  // empty: the strategy's
  int64_t batch_size_ = 0;
  std::string num_nodes_;
  std::string num_edges_;
  std::string num_rows_;
  int64_t num_graphs_ = 0;
  double node_pad_value_ = 0;
  double edge_pad_value_ = 0;
  double graph_pad_value_ = 0;
  std::string best_;
  std::string graphs_;
  bool shuffle_ = false;
  bool drop_last_ = false;
  bool no_masks_ = false;
  int64_t micro_batches_ = 1;
  int64_t sample_limit_ = 0;
  double quantile_ = 1;
  bool ragged_ = false;
  std::string incomplete_step_ = "fill";
  std::string index_dtype_ = "int64";
  std::vector<std::string> exclude_;
  std::vector<std::string> follow_batch_;
  std::vector<std::string> narrow_;
  std::vector<std::string> float16_;
  std::optional<uint64_t> seed_;
  int64_t epoch_ = 0;
  int64_t num_shards_ = 1;
  int64_t shard_index_ = 0;
  std::string uneven_shards_ = "null";
};

}  // namespace graphfeed

#endif  // GRAPHFEED_CLIENT_FLAGS_SPEC_FLAGS_H_
