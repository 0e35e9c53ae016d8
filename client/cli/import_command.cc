#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/command.h"
#include "client/cli/dataset_store.h"
#include "client/cli/json_output.h"
#include "client/cli/progress_bar.h"
#include "client/cli/text_output.h"
#include "client/cpp/version_file.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"
#include "storage/importers/npy_draft.h"
#include "storage/importers/npy_source.h"
#include "storage/importers/tu_source.h"
#include "storage/sync.h"
#include "storage/transforms/transforms.h"

namespace graphfeed {
namespace {

using OpenSource =
    std::function<absl::StatusOr<std::unique_ptr<GraphSource>>(const ImportProgress& progress)>;

// What all formats share.
struct ImportFlags {
  std::string path;
  std::string name;
  StoreFlags to;
  std::vector<std::string> transforms;
  std::string if_exists = "new";
  bool progress = ProgressByDefault();
  bool json = false;

  void Register(CLI::App& command, const char* path_help) {
    command.add_option("path", path, path_help)->required();
    command.add_option("--name", name, "of the dataset (default: as in the files)");
    to.Register(command, "write into this data folder instead; no server may run on it");
    command
        .add_option("--if-exists", if_exists,
                    "when a version of this dataset has the same content: new makes another, same "
                    "answers with the one that there is")
        ->capture_default_str()
        ->check(CLI::IsMember({"new", "same"}));
    command.add_flag("--progress,!--no-progress", progress,
                     "show how far it is (default: on a terminal)");
    command.add_flag("--json", json, "print the new version as JSON");
  }

  void RegisterTransforms(CLI::App& command) {
    command
        .add_option("--transform", transforms,
                    "applied to every graph, in this order; may be repeated")
        ->take_all();
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

// The oldest other version of the dataset with the content of `info`. Null without.
const DatasetInfo* FindSame(const std::vector<DatasetInfo>& versions, const DatasetInfo& info) {
  const DatasetInfo* same = nullptr;
  for (const DatasetInfo& other : versions) {
    if (other.name != info.name || other.version == info.version ||
        other.fingerprint != info.fingerprint) {
      continue;
    }
    if (same == nullptr || other.version < same->version) same = &other;
  }
  return same;
}

absl::Status Import(
    const ImportFlags& flags, const OpenSource& open, const Console& console,
    absl::FunctionRef<void(IngestSpec&)> adjust = [](IngestSpec&) {}) {
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
  adjust(spec);
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<DatasetStore> to, flags.to.OpenOrCreate());
  GF_ASSIGN_OR_RETURN(
      DatasetInfo info,
      Transfer(*source, spec, *to, [&](absl::string_view unit, int64_t done, int64_t total) {
        bar.Update(done < total ? "importing" : "finishing", unit, done, total);
      }));
  bar.Clear();
  GF_ASSIGN_OR_RETURN(const std::vector<DatasetInfo> versions, to->List());
  const DatasetInfo* same = FindSame(versions, info);
  std::string remark;
  if (same != nullptr && flags.if_exists == "same") {
    GF_RETURN_IF_ERROR(to->Delete(info.name, info.version));
    info = *same;
    remark = "; it was there already";
  } else if (same != nullptr) {
    remark = absl::StrCat("; identical to ", same->name, "@", same->version,
                          " (--if-exists same makes no other)");
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
              << DigestHex(info.fingerprint) << remark << "\n";
  return absl::OkStatus();
}

// Writes FOLDER/schema.json unless there is one.
absl::Status WriteSchema(const std::string& folder, const Console& console) {
  const std::filesystem::path path = std::filesystem::path(folder) / "schema.json";
  std::error_code error;
  if (std::filesystem::exists(path, error)) {
    return absl::AlreadyExistsError(absl::StrCat("there is a ", path.string()));
  }
  GF_ASSIGN_OR_RETURN(const std::string schema, DraftNpySchema(folder));
  std::ofstream file(path, std::ios::binary);
  file << schema;
  file.close();
  if (!file) return absl::PermissionDeniedError(absl::StrCat("cannot write ", path.string()));
  console.out << path.string() << " is a draft: look it over, then import the folder\n";
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
  flags->common.RegisterTransforms(*command);
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
    bool write_schema = false;
  };
  auto flags = std::make_shared<Flags>();  // shared with the callback
  CLI::App* command = import.add_subcommand(
      "npy",
      "A folder of .npy files with a schema.json (docs/importing.md): a collection with "
      "node_ptr.npy and edge_ptr.npy, or a single graph");
  flags->common.Register(*command, "the folder");
  flags->common.RegisterTransforms(*command);
  command
      ->add_option("--kinds", flags->kinds,
                   "levels of columns where their sizes do not tell: w=edge,u=graph")
      ->delimiter(',');
  command->add_flag(
      "--write-schema", flags->write_schema,
      "import nothing, but draft a schema.json from the names and sizes of the files");
  command->callback([flags, &action] {
    action = [flags](const Console& console) -> absl::Status {
      if (flags->write_schema) return WriteSchema(flags->common.path, console);
      NpyOptions options;
      GF_ASSIGN_OR_RETURN(options.kinds, ParseKinds(flags->kinds));
      const OpenSource open = [&](const ImportProgress&) {
        return OpenNpyFolder(flags->common.path, options);
      };
      return Import(flags->common, open, console);
    };
  });
}

void AddFile(CLI::App& import, Action& action) {
  struct Flags {
    ImportFlags common;
    bool new_version = false;
  };
  auto flags = std::make_shared<Flags>();  // shared with the callback
  CLI::App* command = import.add_subcommand(
      "file", "A version that `export` has written: a copy with the same number and fingerprint");
  flags->common.Register(*command, "the file");
  command->add_flag("--new-version", flags->new_version,
                    "give it the next number here instead of its own");
  command->callback([flags, &action] {
    action = [flags](const Console& console) {
      return Import(
          flags->common, [&](const ImportProgress&) { return OpenVersionFile(flags->common.path); },
          console,
          [&](IngestSpec& spec) {
            if (flags->new_version && spec.copy_of.has_value()) spec.copy_of->version = 0;
          });
    };
  });
}

}  // namespace

void AddImportCommand(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("import", "Bring a dataset in as a new version");
  command->require_subcommand(1);
  AddTu(*command, action);
  AddNpy(*command, action);
  AddFile(*command, action);
}

}  // namespace graphfeed
