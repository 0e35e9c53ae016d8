#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/json_output.h"
#include "client/cli/progress_bar.h"
#include "client/cli/text_output.h"
#include "storage/catalog.h"
#include "storage/chunk_store.h"
#include "storage/graph/status_macros.h"
#include "storage/importers/npy_source.h"
#include "storage/importers/tu_source.h"
#include "storage/importers/version_source.h"
#include "storage/transforms.h"

namespace graphfeed {
namespace {

// Where blocks go: into a server or straight into a data folder.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual absl::Status Append(GraphBlock block) = 0;
  virtual absl::StatusOr<DatasetInfo> Commit() = 0;
};

class ServerSink : public Sink {
 public:
  static absl::StatusOr<std::unique_ptr<Sink>> Open(const ServerFlags& flags,
                                                    const IngestSpec& spec) {
    auto sink = std::make_unique<ServerSink>();
    GF_ASSIGN_OR_RETURN(sink->client_, flags.Connect());
    GF_ASSIGN_OR_RETURN(sink->stream_, sink->client_->Ingest(spec));
    return sink;
  }
  absl::Status Append(GraphBlock block) override { return stream_->Append(std::move(block)); }
  absl::StatusOr<DatasetInfo> Commit() override { return stream_->Commit(); }

 private:
  std::unique_ptr<Client> client_;
  std::unique_ptr<IngestStream> stream_;
};

class FolderSink : public Sink {
 public:
  static absl::StatusOr<std::unique_ptr<Sink>> Open(const std::string& folder,
                                                    const IngestSpec& spec) {
    auto sink = std::make_unique<FolderSink>();
    GF_ASSIGN_OR_RETURN(std::unique_ptr<ChunkStore> store, OpenRocksDbChunkStore(folder));
    GF_ASSIGN_OR_RETURN(sink->catalog_, Catalog::Open(std::move(store), CatalogOptions()));
    GF_ASSIGN_OR_RETURN(sink->session_, sink->catalog_->StartIngest(spec));
    return sink;
  }
  absl::Status Append(GraphBlock block) override { return session_->Append(std::move(block)); }
  absl::StatusOr<DatasetInfo> Commit() override { return session_->Commit(); }

 private:
  std::unique_ptr<Catalog> catalog_;
  std::unique_ptr<IngestSession> session_;
};

using OpenSource =
    std::function<absl::StatusOr<std::unique_ptr<GraphSource>>(const ImportProgress& progress)>;

// What both formats share.
struct ImportFlags {
  std::string path;
  std::string name;
  ServerFlags server;
  std::string data_dir;
  std::vector<std::string> transforms;
  bool progress = ProgressByDefault();
  bool json = false;
  std::optional<Fingerprint> fingerprint;  // what the new version must have

  void Register(CLI::App& command, const char* path_help) {
    command.add_option("path", path, path_help)->required();
    command.add_option("--name", name, "of the dataset (default: as in the files)");
    server.Register(command);
    command
        .add_option("--data-dir", data_dir,
                    "write into this data folder instead; no server may run on it")
        ->excludes("--server");
    command
        .add_option("--transform", transforms,
                    "applied to every graph, in this order; may be repeated")
        ->take_all();
    command.add_flag("--progress,!--no-progress", progress,
                     "show how far it is (default: on a terminal)");
    command.add_flag("--json", json, "print the new version as JSON");
    command.footer(
        "Transforms, separated by commas:\n"
        "  normalize_features     or normalize_features(columns=x,pos)\n"
        "  add_self_loops         or add_self_loops(fill_value=0)\n"
        "  to_undirected\n"
        "  remove_isolated_nodes\n"
        "  subgraph(:1000)        or subgraph(movie=:1000;actor=3,1,2): leading nodes or ids");
  }

  // "a,b(columns=x,y)" at commas outside parentheses, for each flag.
  absl::StatusOr<std::vector<Transform>> Transforms() const {
    std::vector<Transform> parsed;
    for (const std::string& list : transforms) {
      size_t begin = 0;
      int depth = 0;
      for (size_t i = 0; i <= list.size(); ++i) {
        const char c = i < list.size() ? list[i] : ',';
        if (i < list.size()) depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        if (i < list.size() && (c != ',' || depth > 0)) continue;
        GF_ASSIGN_OR_RETURN(Transform transform, ParseTransform(list.substr(begin, i - begin)));
        parsed.push_back(std::move(transform));
        begin = i + 1;
      }
    }
    return parsed;
  }
};

absl::Status Import(const ImportFlags& flags, const OpenSource& open, const Console& console) {
  const auto start = std::chrono::steady_clock::now();
  GF_ASSIGN_OR_RETURN(std::vector<Transform> transforms, flags.Transforms());
  ProgressBar bar(console.err, flags.progress);
  GF_ASSIGN_OR_RETURN(std::unique_ptr<GraphSource> source,
                      open([&](absl::string_view unit, int64_t done, int64_t total) {
                        bar.Update("reading", unit, done, total);
                      }));
  IngestSpec spec = source->spec();
  if (!flags.name.empty()) spec.name = flags.name;
  spec.transforms = std::move(transforms);
  GF_ASSIGN_OR_RETURN(std::unique_ptr<Sink> sink, flags.data_dir.empty()
                                                      ? ServerSink::Open(flags.server, spec)
                                                      : FolderSink::Open(flags.data_dir, spec));
  const absl::string_view unit = spec.collection ? "graphs" : "rows";
  while (true) {
    GF_ASSIGN_OR_RETURN(std::optional<GraphBlock> block, source->Next());
    if (!block.has_value()) break;
    GF_RETURN_IF_ERROR(sink->Append(*std::move(block)));
    bar.Update("importing", unit, source->done(), source->total());
  }
  bar.Update("finishing", unit, source->done(), source->total());
  GF_ASSIGN_OR_RETURN(const DatasetInfo info, sink->Commit());
  bar.Clear();
  if (flags.fingerprint.has_value() && info.fingerprint != *flags.fingerprint) {
    return absl::DataLossError(absl::StrCat(info.name, "@", info.version, " has fingerprint ",
                                            FormatFingerprint(info.fingerprint), ", not ",
                                            FormatFingerprint(*flags.fingerprint)));
  }

  if (flags.json) {
    console.out << Dump(ToJson(info), 2) << "\n";
    return absl::OkStatus();
  }
  int64_t nodes = 0;
  int64_t edges = 0;
  for (const int64_t count : info.num_nodes) nodes += count;
  for (const int64_t count : info.num_edges) edges += count;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  console.out << info.name << "@" << info.version << ": " << FormatCount(info.num_graphs)
              << (info.num_graphs == 1 ? " graph, " : " graphs, ") << FormatCount(nodes)
              << " nodes, " << FormatCount(edges) << " edges, "
              << FormatBytes(static_cast<double>(info.raw_bytes)) << " in "
              << FormatFixed(seconds.count(), 1) << " s; fingerprint "
              << FormatFingerprint(info.fingerprint) << "\n";
  return absl::OkStatus();
}

// "w=edge", as --kinds takes it.
absl::StatusOr<std::map<std::string, Level>> ParseKinds(const std::vector<std::string>& kinds) {
  std::map<std::string, Level> levels;
  for (const std::string& kind : kinds) {
    const size_t equals = kind.rfind('=');
    const std::string level = equals == std::string::npos ? "" : kind.substr(equals + 1);
    std::optional<Level> found;
    for (const Level known : {Level::kNode, Level::kEdge, Level::kGraph}) {
      if (level == LevelName(known)) found = known;
    }
    if (!found.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--kinds is '", kind, "': not COLUMN=node, COLUMN=edge or COLUMN=graph"));
    }
    levels[kind.substr(0, equals)] = *found;
  }
  return levels;
}

void AddTu(CLI::App& import, Action& action) {
  struct Flags {
    ImportFlags common;
    TuOptions tu;
  };
  auto flags = std::make_shared<Flags>();  // shared with the callback
  CLI::App* command = import.add_subcommand(
      "tu",
      "A dataset in the TU text format: NAME_A.txt, NAME_graph_indicator.txt and so on, plain "
      "or gzipped");
  flags->common.Register(*command, "folder with the files");
  command->add_flag("--use-node-attr", flags->tu.node_attributes,
                    "put node attributes into x, before the labels");
  command->add_flag("--use-edge-attr", flags->tu.edge_attributes,
                    "put edge attributes into edge_attr, before the labels");
  command->callback([flags, &action] {
    action = [flags](const Console& console) {
      const OpenSource open = [&](const ImportProgress& progress) {
        TuOptions options = flags->tu;
        options.progress = progress;
        return OpenTuFolder(flags->common.path, options);
      };
      return Import(flags->common, open, console);
    };
  });
}

void AddNpy(CLI::App& import, Action& action) {
  struct Flags {
    ImportFlags common;
    std::vector<std::string> kinds;
  };
  auto flags = std::make_shared<Flags>();  // shared with the callback
  CLI::App* command = import.add_subcommand(
      "npy",
      "A folder of .npy files with a schema.json (docs/importing.md): a collection with "
      "node_ptr.npy and edge_ptr.npy, or a single graph");
  flags->common.Register(*command, "the folder");
  command
      ->add_option("--kinds", flags->kinds,
                   "levels of columns where their sizes do not tell: w=edge,u=graph")
      ->delimiter(',');
  command->callback([flags, &action] {
    action = [flags](const Console& console) -> absl::Status {
      NpyOptions options;
      GF_ASSIGN_OR_RETURN(options.kinds, ParseKinds(flags->kinds));
      const OpenSource open = [&](const ImportProgress&) {
        return OpenNpyFolder(flags->common.path, options);
      };
      return Import(flags->common, open, console);
    };
  });
}

void AddVersion(CLI::App& import, Action& action) {
  auto flags = std::make_shared<ImportFlags>();  // shared with the callback
  CLI::App* command = import.add_subcommand(
      "version",
      "A version (--name NAME or NAME@VERSION) of another data folder or snapshot, on which no "
      "server runs; without transforms it has the same fingerprint afterwards");
  flags->Register(*command, "the other data folder");
  command->get_option("--name")->required();
  command->callback([flags, &action] {
    action = [flags](const Console& console) -> absl::Status {
      GF_ASSIGN_OR_RETURN(std::unique_ptr<ChunkStore> store, OpenRocksDbChunkStore(flags->path));
      GF_ASSIGN_OR_RETURN(const std::unique_ptr<Catalog> catalog,
                          Catalog::Open(std::move(store), CatalogOptions()));
      GF_ASSIGN_OR_RETURN(const std::shared_ptr<Dataset> dataset,
                          catalog->OpenDataset(flags->name));
      ImportFlags target = *flags;
      target.name = dataset->info().name;
      if (target.transforms.empty()) target.fingerprint = dataset->info().fingerprint;
      return Import(
          target, [&](const ImportProgress&) { return ReadVersion(dataset); }, console);
    };
  });
}

}  // namespace

void AddImportCommand(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("import", "Bring a dataset in as a new version");
  command->require_subcommand(1);
  AddTu(*command, action);
  AddNpy(*command, action);
  AddVersion(*command, action);
}

}  // namespace graphfeed
