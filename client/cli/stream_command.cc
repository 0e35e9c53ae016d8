#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/json_output.h"
#include "client/cli/progress_bar.h"
#include "client/cli/stream_meter.h"
#include "client/cli/text_output.h"
#include "client/flags/flag_values.h"
#include "client/flags/spec_flags.h"
#include "proto/frame/digest.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct StreamFlags {
  ServerFlags server;
  SpecFlags spec;
  int64_t num_epochs = 1;
  int64_t start_ordinal = 0;
  int64_t limit = std::numeric_limits<int64_t>::max();
  uint32_t prefetch = 0;
  bool no_verify = false;
  bool digests = false;
  bool json = false;
  bool progress = ProgressByDefault();
};

// Reads a stream to its end and reports on each epoch.
class Reader {
 public:
  Reader(const StreamFlags& flags, std::optional<SizeEstimate> sizes, const Console& console)
      : flags_(flags),
        sizes_(std::move(sizes)),
        console_(console),
        bar_(console.err, flags.progress),
        epoch_start_(SteadyClock::now()) {}

  absl::Status Run(BatchStream& stream) {
    GF_ASSIGN_OR_RETURN(const StreamInfo* info, stream.info());
    info_ = info;
    ReportStream();
    int64_t frames = 0;
    while (frames < flags_.limit) {
      GF_ASSIGN_OR_RETURN(const std::optional<Batch> batch, stream.Next());
      if (!batch.has_value()) break;
      if (frames++ == 0) ReportFirstBatch(*batch);
      if (flags_.digests) ReportDigest(*batch);
      if (!meter_.has_value() || meter_->totals().epoch != batch->info().epoch) {
        FinishEpoch();
        GF_ASSIGN_OR_RETURN(plan_, stream.epoch());
        to_read_ = std::min(plan_.plan.shard_frames, flags_.limit - frames + 1);
        meter_.emplace(batch->info().epoch);
      }
      meter_->Add(batch->layout(), batch->info(), batch->placement().slab_bytes);
      bar_.Update(absl::StrCat("epoch ", meter_->totals().epoch), "frames", meter_->totals().frames,
                  to_read_);
    }
    FinishEpoch();
    ReportAll();
    if (frames == 0 && !flags_.json) console_.out << "The stream has no batches.\n";
    return absl::OkStatus();
  }

 private:
  // Of the bytes that are here, whatever the server said of them.
  void ReportDigest(const Batch& batch) {
    const FrameInfo& info = batch.info();
    const uint64_t digest = FrameDigest(batch.data(), batch.placement().slab_bytes);
    bar_.Clear();
    console_.out << "frame " << info.epoch << " " << info.ordinal << " "
                 << absl::StrCat(absl::Hex(digest, absl::kZeroPad16))
                 << (info.null_frame ? " null"
                     : info.repeat   ? " repeat"
                                     : "")
                 << std::endl;
  }

  void ReportStream() {
    if (flags_.json) {
      Json json = {{"event", "stream"},
                   {"dataset", info_->dataset},
                   {"fingerprint", DigestHex(info_->fingerprint)},
                   {"spec_digest", DigestHex(info_->spec_digest)},
                   {"seed", info_->seed},
                   {"prefetch", info_->prefetch},
                   {"spec", ToJson(info_->resolved_spec)},
                   {"slab_bytes", info_->layout.slab_bytes}};
      if (sizes_.has_value()) json["budget"] = ToJson(*sizes_);
      console_.out << Dump(json, -1) << std::endl;
      return;
    }
    console_.out << "dataset      " << info_->dataset << "\n"
                 << "strategy     " << FlagOf(info_->resolved_spec.strategy) << ", "
                 << (info_->resolved_spec.shuffle ? "shuffled" : "in order") << ", seed "
                 << info_->seed << "\n";
    if (sizes_.has_value()) {
      console_.out << "sizes        " << FormatSizeEstimate(*sizes_) << "\n";
    }
  }

  void ReportFirstBatch(const Batch& batch) {
    const Placement& placement = batch.placement();
    if (flags_.json) {
      const Json json = {{"event", "first_batch"},
                         {"epoch", batch.info().epoch},
                         {"ordinal", batch.info().ordinal},
                         {"slab_bytes", placement.slab_bytes},
                         {"tensors", LayoutToJson(batch.layout(), placement.places)}};
      console_.out << Dump(json, -1) << std::endl;
      return;
    }
    console_.out << "first batch  epoch " << batch.info().epoch << ", ordinal "
                 << batch.info().ordinal << ", " << FormatCount(placement.slab_bytes)
                 << " bytes\n\n"
                 << LayoutTable(batch.layout(), placement.places) << std::flush;
  }

  void FinishEpoch() {
    if (!meter_.has_value()) return;
    const auto now = SteadyClock::now();
    const double seconds = std::chrono::duration<double>(now - epoch_start_).count();
    epoch_start_ = now;
    const EpochTotals& totals = meter_->totals();
    const double rate = seconds > 0 ? 1 / seconds : 0;
    ++num_epochs_;
    all_seconds_ += seconds;
    all_batches_ += totals.batches;
    all_units_ += Units(totals);
    all_bytes_ += totals.bytes;
    bar_.Clear();
    if (flags_.json) {
      const Json json = {{"event", "epoch"},
                         {"epoch", totals.epoch},
                         {"seconds", seconds},
                         {"frames", totals.frames},
                         {"null_frames", totals.null_frames},
                         {"repeated_frames", totals.repeated_frames},
                         {"batches", totals.batches},
                         {"graphs", totals.graphs},
                         {"seeds", totals.seeds},
                         {"nodes", totals.nodes},
                         {"edges", totals.edges},
                         {"trimmed_nodes", totals.trimmed_nodes},
                         {"trimmed_edges", totals.trimmed_edges},
                         {"bytes", totals.bytes},
                         {"batches_per_second", static_cast<double>(totals.batches) * rate},
                         {UnitsPerSecond(), static_cast<double>(Units(totals)) * rate},
                         {"bytes_per_second", static_cast<double>(totals.bytes) * rate},
                         {"node_efficiency", totals.node_efficiency},
                         {"edge_efficiency", totals.edge_efficiency},
                         {"graphs_per_batch", totals.graphs_per_batch},
                         {"plan", ToJson(plan_.plan, sampled())}};
      console_.out << Dump(json, -1) << std::endl;
      return;
    }
    std::ostream& out = console_.out;
    out << "\nepoch " << totals.epoch << "\n"
        << "  batches     " << FormatCount(totals.batches) << " with " << FormatCount(Units(totals))
        << " " << unit() << ", " << FormatCount(totals.nodes) << " nodes, "
        << FormatCount(totals.edges) << " edges";
    if (totals.null_frames > 0)
      out << ", and " << FormatCount(totals.null_frames) << " null frames";
    if (totals.repeated_frames > 0) {
      out << "; " << FormatCount(totals.repeated_frames) << " frames repeated";
    }
    out << "\n"
        << "  throughput  " << Throughput(totals.batches, Units(totals), totals.bytes, seconds)
        << "\n"
        << "  efficiency  " << FormatPercent(totals.node_efficiency) << " of the nodes and "
        << FormatPercent(totals.edge_efficiency) << " of the edges are real\n";
    if (totals.trimmed_nodes > 0 || totals.trimmed_edges > 0) {
      out << "  trimmed     " << FormatCount(totals.trimmed_nodes) << " nodes, "
          << FormatCount(totals.trimmed_edges) << " edges\n";
    }
    if (!sampled()) {
      out << "  graphs per batch  " << FormatGraphsPerBatch(totals.graphs_per_batch) << "\n";
    }
    out << std::flush;
  }

  // Frames of an epoch are made while the one before it is read; only the sum is free of that.
  void ReportAll() {
    if (num_epochs_ < 2) return;
    const double rate = all_seconds_ > 0 ? 1 / all_seconds_ : 0;
    if (flags_.json) {
      const Json json = {{"event", "all"},
                         {"epochs", num_epochs_},
                         {"seconds", all_seconds_},
                         {"batches", all_batches_},
                         {sampled() ? "seeds" : "graphs", all_units_},
                         {"bytes", all_bytes_},
                         {"batches_per_second", static_cast<double>(all_batches_) * rate},
                         {UnitsPerSecond(), static_cast<double>(all_units_) * rate},
                         {"bytes_per_second", static_cast<double>(all_bytes_) * rate}};
      console_.out << Dump(json, -1) << std::endl;
      return;
    }
    console_.out << "\nall " << num_epochs_ << " epochs\n  throughput  "
                 << Throughput(all_batches_, all_units_, all_bytes_, all_seconds_) << "\n";
  }

  // What batches are made of: graphs, or the seeds of sampled ones.
  bool sampled() const { return info_->resolved_spec.sampling.has_value(); }
  const char* unit() const {
    if (info_->resolved_spec.strategy == Strategy::kCluster) return "clusters";
    return sampled() ? "seeds" : "graphs";
  }
  const char* UnitsPerSecond() const {
    return sampled() ? "seeds_per_second" : "graphs_per_second";
  }
  int64_t Units(const EpochTotals& totals) const {
    return sampled() ? totals.seeds : totals.graphs;
  }

  std::string Throughput(int64_t batches, int64_t units, int64_t bytes, double seconds) const {
    const double rate = seconds > 0 ? 1 / seconds : 0;
    return absl::StrCat(
        FormatCount(static_cast<int64_t>(static_cast<double>(batches) * rate)), " batches/s, ",
        FormatCount(static_cast<int64_t>(static_cast<double>(units) * rate)), " ", unit(), "/s, ",
        FormatBytes(static_cast<double>(bytes) * rate), "/s (", FormatFixed(seconds, 2), " s)");
  }

  const StreamFlags& flags_;
  const std::optional<SizeEstimate> sizes_;
  const Console& console_;
  ProgressBar bar_;
  SteadyClock::time_point epoch_start_;
  const StreamInfo* info_ = nullptr;
  EpochInfo plan_;
  int64_t to_read_ = 0;  // frames of the epoch, as far as --limit lets
  std::optional<StreamMeter> meter_;
  int64_t num_epochs_ = 0;  // finished
  double all_seconds_ = 0;
  int64_t all_batches_ = 0;
  int64_t all_units_ = 0;
  int64_t all_bytes_ = 0;
};

absl::Status Stream(const StreamFlags& flags, const Console& console) {
  GF_ASSIGN_OR_RETURN(StreamOptions options, flags.spec.Build());
  options.num_epochs = flags.num_epochs;
  options.start_ordinal = flags.start_ordinal;
  options.prefetch = flags.prefetch;
  options.verify_digests = !flags.no_verify;
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, flags.server.Connect());
  GF_ASSIGN_OR_RETURN(std::optional<SizeEstimate> sizes,
                      flags.spec.EstimateSizes(*client, options));
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<BatchStream> stream, client->StreamBatches(options));
  return Reader(flags, std::move(sizes), console).Run(*stream);
}

}  // namespace

void AddStreamCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<StreamFlags>();  // shared with the callback
  CLI::App* command = app.add_subcommand(
      "stream", "Stream epochs and report throughput, packing efficiency and the batches' shapes");
  flags->spec.Register(*command);
  flags->server.Register(*command);
  flags->server.RegisterDataDir(*command);
  command
      ->add_flag(
          "--compact",
          [flags = flags.get()](int64_t) { flags->server.encoding = Encoding::kCompact; },
          "leave the padding out on the way; the batches are the same")
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  command->add_option("--epochs", flags->num_epochs, "how many; 0: until interrupted")
      ->capture_default_str()
      ->check(NonNegative());
  command->add_option("--start-ordinal", flags->start_ordinal, "first frame of the first epoch")
      ->capture_default_str()
      ->check(NonNegative());
  command->add_option("--limit", flags->limit, "stop after so many frames")->check(Positive());
  command->add_option("--prefetch", flags->prefetch,
                      "frames in work at the server (default: the server's)");
  command->add_flag(
      "--digests", flags->digests,
      "print \"frame EPOCH ORDINAL DIGEST\" for each frame as it comes, by its bytes");
  command->add_flag("--no-verify", flags->no_verify, "do not check the digests of frames");
  command->add_flag("--progress,!--no-progress", flags->progress,
                    "show how far it is (default: on a terminal)");
  command->add_flag(
      "--json", flags->json,
      "print JSON lines: events \"stream\", \"first_batch\", one \"epoch\" each, and \"all\"");
  command->callback([flags, &action] {
    action = [flags](const Console& console) { return Stream(*flags, console); };
  });
}

}  // namespace graphfeed
