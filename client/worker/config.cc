#include "client/worker/config.h"

#include <unistd.h>

#include <optional>
#include <utility>

#include "CLI/App.hpp"
#include "CLI/Config.hpp"
#include "CLI/Formatter.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/flags/flag_values.h"
#include "client/flags/spec_flags.h"
#include "client/flags/spec_json.h"
#include "client/worker/whole_file.h"
#include "proto/frame/named_enum.h"
#include "storage/base/status_macros.h"

namespace graphfeed {

template <>
struct EnumTable<ExecutorKind> {
  static constexpr EnumEntry<ExecutorKind> kEntries[] = {
      {ExecutorKind::kTorchscript, "torchscript"}, {ExecutorKind::kPopef, "popef"}};
};

template <>
struct EnumTable<OptimizerOptions::Kind> {
  static constexpr EnumEntry<OptimizerOptions::Kind> kEntries[] = {
      {OptimizerOptions::Kind::kSgd, "sgd"},
      {OptimizerOptions::Kind::kAdam, "adam"},
      {OptimizerOptions::Kind::kAdamW, "adamw"}};
};

namespace {

std::string HostAndProcess() {
  char host[256] = "host";
  (void)gethostname(host, sizeof(host) - 1);
  return absl::StrCat(host, ":", getpid());
}

// The file is a spec, or an object that has one as its "spec" (graphfeed plan --json).
absl::StatusOr<BatchSpec> ReadSpec(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadWholeFile(path);
  if (!text.ok()) {
    return absl::NotFoundError(absl::StrCat("--spec: ", text.status().message()));
  }
  const Json json = Json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) {
    return absl::InvalidArgumentError(absl::StrCat("--spec: \"", path, "\" is no JSON"));
  }
  const bool within = json.is_object() && json.contains("spec");
  absl::StatusOr<BatchSpec> spec = SpecFromJson(within ? json["spec"] : json);
  if (spec.ok()) return spec;
  return absl::InvalidArgumentError(
      absl::StrCat("--spec: \"", path, "\": ", spec.status().message()));
}

// The flags as they are written.
struct FlagValues {
  std::string spec;
  std::string executor = "torchscript";
  std::string task = "train";
  std::string optimizer = "adam";
  std::string uneven_shards = "null";
  std::vector<std::string> fields;
  std::optional<uint64_t> seed;
  std::string device = "any";
  double attach_timeout = 60;
  double run_timeout = 600;
  double report_interval = 5;
};

void AddData(CLI::App& app, WorkerConfig& config, FlagValues& flags) {
  const char* group = "Batches";
  StreamOptions& stream = config.worker.stream;
  config.server.Register(app);
  app.add_option("--dataset", stream.dataset, "NAME or NAME@VERSION")->required()->group(group);
  app.add_option("--spec", flags.spec,
                 "JSON file that says which batches: graphfeed plan --save-spec writes it")
      ->required()
      ->group(group);
  app.add_option("--seed", flags.seed,
                 "of the shuffle; shards need the same (default: the checkpoint's, or drawn)")
      ->check(CheckUnsigned)
      ->group(group);
  app.add_option("--num-shards", stream.num_shards, "workers that share an epoch")
      ->capture_default_str()
      ->check(Positive())
      ->group(group);
  app.add_option("--shard-index", stream.shard_index, "which of them this one is")
      ->capture_default_str()
      ->check(NonNegative())
      ->group(group);
  app.add_option("--uneven-shards", flags.uneven_shards,
                 "what fills shards with fewer frames than others")
      ->capture_default_str()
      ->check(CLI::IsMember(Flags<UnevenShards>()))
      ->group(group);
  app.add_option("--prefetch", stream.prefetch,
                 "frames in work at the server (default: the server's)")
      ->group(group);
  app.add_option("--queue", config.worker.queue, "frames ready between two stages of the worker")
      ->capture_default_str()
      ->check(CLI::Range(1, 1024))
      ->group(group);
  app.add_option(
         "--bind", flags.fields,
         "INPUT=FIELD,...: which field of the batches an input of the model is (default: the "
         "one of its name)")
      ->delimiter(',')
      ->group(group);
}

void AddRun(CLI::App& app, WorkerConfig& config, FlagValues& flags) {
  const char* group = "Run";
  WorkerOptions& worker = config.worker;
  app.add_option("--task", flags.task, "train, or infer: run the model and keep what it says")
      ->capture_default_str()
      ->check(CLI::IsMember({"train", "infer"}))
      ->group(group);
  app.add_option("--steps", worker.num_steps, "of the whole run, restarts included")
      ->check(Positive())
      ->group(group);
  app.add_option("--epochs", worker.num_epochs, "likewise (infer: 1)")
      ->check(Positive())
      ->group(group);
  app.add_option("--checkpoint-dir", worker.checkpoint_dir,
                 "folder of this worker's checkpoints; a run goes on at the newest one")
      ->group(group);
  app.add_option("--keep-checkpoints", worker.keep_checkpoints, "newest checkpoints that are kept")
      ->capture_default_str()
      ->check(Positive())
      ->group(group);
  app.add_option("--checkpoint-epochs", worker.epochs_per_checkpoint,
                 "epochs between checkpoints; the end of the run has one in any case")
      ->capture_default_str()
      ->check(Positive())
      ->group(group);
  app.add_option("--checkpoint-steps", worker.steps_per_checkpoint,
                 "steps between further checkpoints (default: none)")
      ->check(Positive())
      ->group(group);
  app.add_option(
         "--resume", worker.resume,
         "checkpoint files to begin with, a,b,c, while --checkpoint-dir has none: those of all "
         "shards of a run that goes on with another number of them")
      ->delimiter(',')
      ->group(group);
  app.add_option("--predictions", worker.predictions_dir,
                 "folder for the outputs of --task infer: OUTPUT.npy and OUTPUT.ids.npy, by id")
      ->group(group);
}

void AddModel(CLI::App& app, WorkerConfig& config, FlagValues& flags) {
  const char* group = "Model";
  TorchscriptOptions& torch = config.torchscript;
  OptimizerOptions& optimizer = torch.optimizer;
  app.add_option("--model", config.model, "file of the compiled model: code, run as it is")
      ->required()
      ->group(group);
  app.add_option("--model-sha256", torch.sha256, "refuse any other file")->group(group);
  app.add_option("--executor", flags.executor, "what runs it")
      ->capture_default_str()
      ->check(CLI::IsMember(Flags<ExecutorKind>()))
      ->group(group);
  group = "TorchScript";
  app.add_option("--threads", torch.num_threads, "threads of libtorch (default: its choice)")
      ->check(Positive())
      ->group(group);
  app.add_option("--model-seed", torch.seed, "of dropout and the like")
      ->capture_default_str()
      ->check(CheckUnsigned)
      ->group(group);
  app.add_option("--optimizer", flags.optimizer, "as torch.optim's")
      ->capture_default_str()
      ->check(CLI::IsMember(Flags<OptimizerOptions::Kind>()))
      ->group(group);
  app.add_option("--learning-rate", optimizer.learning_rate, "")
      ->capture_default_str()
      ->check(Positive())
      ->group(group);
  app.add_option("--weight-decay", optimizer.weight_decay,
                 "of the parameters for which the model says nothing else")
      ->capture_default_str()
      ->check(NonNegative())
      ->group(group);
  app.add_option("--momentum", optimizer.momentum, "sgd")
      ->capture_default_str()
      ->check(NonNegative())
      ->group(group);
  app.add_flag("--nesterov", optimizer.nesterov, "sgd")->group(group);
  app.add_option("--beta1", optimizer.beta1, "adam, adamw")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0))
      ->group(group);
  app.add_option("--beta2", optimizer.beta2, "adam, adamw")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0))
      ->group(group);
  app.add_option("--epsilon", optimizer.epsilon, "adam, adamw")
      ->capture_default_str()
      ->check(Positive())
      ->group(group);
  app.add_option("--accumulate", torch.accumulate,
                 "micro-batches whose gradients make one update (default: all of a frame)")
      ->check(Positive())
      ->group(group);
  group = "PopEF";
  app.add_option("--device", flags.device, "number of the device, or any")
      ->capture_default_str()
      ->group(group);
  app.add_option("--attach-timeout", flags.attach_timeout, "seconds to wait for a free device")
      ->capture_default_str()
      ->check(NonNegative())
      ->group(group);
  app.add_option("--run-timeout", flags.run_timeout, "seconds after which a step is a hang")
      ->capture_default_str()
      ->check(Positive())
      ->group(group);
  app.add_option("--engine-options", config.popef.engine_options,
                 "JSON object, put over the options that the model was compiled with")
      ->group(group);
  app.add_option("--loss", config.popef.loss,
                 "output that is the loss (default: the one with \"loss\" in its name)")
      ->group(group);
}

void AddReports(CLI::App& app, WorkerConfig& config, FlagValues& flags) {
  const char* group = "Reports";
  app.add_option("--metrics-listen", config.metrics_listen,
                 "HOST:PORT for /metrics, /healthz and /readyz (default: nobody listens)")
      ->group(group);
  app.add_option("--report-interval", flags.report_interval,
                 "seconds between reports to the server (graphfeed top); 0: none")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 3600.0))
      ->group(group);
  app.add_option("--name", config.name,
                 "of this worker in reports; no two have the same (default: host:process)")
      ->group(group);
  app.add_option("--job", config.job, "what belongs together in reports")->group(group);
  app.add_option("--loss-log", config.loss_log, "CSV file with the loss of every step")
      ->group(group);
  app.add_option("--plot", config.loss_plot, "SVG file with a picture of the loss")->group(group);
  app.add_flag(
         "--json", config.json,
         "print JSON lines: events \"listening\", \"start\", one \"epoch\" each, \"warning\", "
         "\"end\"")
      ->group(group);
}

absl::Status Interpret(const FlagValues& flags, WorkerConfig& config) {
  WorkerOptions& worker = config.worker;
  StreamOptions& stream = worker.stream;
  GF_ASSIGN_OR_RETURN(stream.spec, ReadSpec(flags.spec));
  stream.uneven_shards = ValueOf<UnevenShards>(flags.uneven_shards);
  worker.seed_given = flags.seed.has_value();
  stream.seed = flags.seed.has_value() ? *flags.seed : DrawSeed();
  if (stream.shard_index >= stream.num_shards) {
    return FlagError("--shard-index", absl::StrCat(stream.shard_index),
                     absl::StrCat("there are ", stream.num_shards, " shards, from 0 on"));
  }
  for (const std::string& field : flags.fields) {
    const std::pair<std::string, std::string> parts =
        absl::StrSplit(field, absl::MaxSplits('=', 1));
    if (parts.first.empty() || parts.second.empty()) {
      return FlagError("--bind", field, "not INPUT=FIELD");
    }
    if (!worker.fields.insert(parts).second) {
      return FlagError("--bind", field, absl::StrCat(parts.first, " is bound twice"));
    }
  }
  const bool train = flags.task == "train";
  if (worker.num_steps == 0 && worker.num_epochs == 0) {
    if (train) return absl::InvalidArgumentError("--steps or --epochs must say how long to train");
    worker.num_epochs = 1;
  }
  worker.trains = train;
  config.executor = ValueOf<ExecutorKind>(flags.executor);
  config.torchscript.model = config.model;
  config.torchscript.train = train;
  config.torchscript.optimizer.kind = ValueOf<OptimizerOptions::Kind>(flags.optimizer);
  config.popef.model_files = {config.model};
  config.popef.attach_timeout = absl::Seconds(flags.attach_timeout);
  config.popef.run_timeout = absl::Seconds(flags.run_timeout);
  config.popef.seed = config.torchscript.seed;
  if (flags.device != "any") {
    unsigned device = 0;
    if (!absl::SimpleAtoi(flags.device, &device)) {
      return FlagError("--device", flags.device, "not a number or any");
    }
    config.popef.device_id = device;
  }
  config.report_interval = absl::Seconds(flags.report_interval);
  if (config.name.empty()) config.name = HostAndProcess();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<WorkerCommandLine> ParseWorkerFlags(int argc, const char* const* argv) {
  CLI::App app(
      "Pulls batches from a graphfeed server and runs a compiled model on them, step by step.",
      "graphfeed-worker");
  app.set_version_flag("--version", "graphfeed-worker " GRAPHFEED_VERSION);
  WorkerCommandLine line;
  FlagValues flags;
  AddData(app, line.config, flags);
  AddRun(app, line.config, flags);
  AddModel(app, line.config, flags);
  AddReports(app, line.config, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion& version) {
    line.print = absl::StrCat(version.what(), "\n");
    return line;
  } catch (const CLI::CallForHelp&) {
    line.print = app.help();
    return line;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(error.what());
  }
  GF_RETURN_IF_ERROR(Interpret(flags, line.config));
  return line;
}

}  // namespace graphfeed
