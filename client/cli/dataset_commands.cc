#include <memory>
#include <ostream>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/command.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"
#include "storage/base/digest.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

int64_t Sum(const std::vector<int64_t>& counts) {
  int64_t sum = 0;
  for (const int64_t count : counts) sum += count;
  return sum;
}

std::string KindName(const Schema& schema) {
  return absl::StrCat(schema.heterogeneous ? "heterogeneous " : "",
                      schema.collection ? "collection" : "single graph");
}

struct ListFlags {
  ServerFlags server;
  bool json = false;
};

absl::Status List(const ListFlags& flags, const Console& console) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, flags.server.Connect());
  GF_ASSIGN_OR_RETURN(const std::vector<DatasetInfo> datasets, client->ListDatasets());
  if (flags.json) {
    Json json = Json::array();
    for (const DatasetInfo& info : datasets) json.push_back(ToJson(info));
    console.out << Dump(json, 2) << "\n";
    return absl::OkStatus();
  }
  if (datasets.empty()) {
    console.err << "There are no datasets yet; `graphfeed import` brings them in.\n";
    return absl::OkStatus();
  }
  TextTable table({"DATASET", "KIND", ">GRAPHS", ">NODES", ">EDGES", ">SIZE", "FINGERPRINT"});
  for (const DatasetInfo& info : datasets) {
    table.Add({absl::StrCat(info.name, "@", info.version), KindName(info.schema),
               FormatCount(info.num_graphs), FormatCount(Sum(info.num_nodes)),
               FormatCount(Sum(info.num_edges)), FormatBytes(static_cast<double>(info.raw_bytes)),
               DigestHex(info.fingerprint).substr(0, 12)});
  }
  console.out << table.ToString();
  return absl::OkStatus();
}

std::string RangeText(const ValueRange& values) {
  if (const auto* range = std::get_if<IntRange>(&values)) {
    return absl::StrCat(range->min, " .. ", range->max);
  }
  if (const auto* range = std::get_if<FloatRange>(&values)) {
    return absl::StrCat(range->min, " .. ", range->max);
  }
  return "";
}

struct DescribeFlags {
  ServerFlags server;
  std::string dataset;
  bool json = false;
};

absl::Status Describe(const DescribeFlags& flags, const Console& console) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, flags.server.Connect());
  GF_ASSIGN_OR_RETURN(const DatasetInfo info, client->GetDataset(flags.dataset));
  if (flags.json) {
    console.out << Dump(ToJson(info), 2) << "\n";
    return absl::OkStatus();
  }
  const Schema& schema = info.schema;
  console.out << "dataset      " << info.name << "@" << info.version << ", " << KindName(schema)
              << "\n"
              << "fingerprint  " << DigestHex(info.fingerprint) << "\n"
              << "graphs       " << FormatCount(info.num_graphs) << "\n";
  if (schema.heterogeneous) {
    for (size_t t = 0; t < schema.node_types.size(); ++t) {
      console.out << "nodes        " << FormatCount(info.num_nodes[t]) << " "
                  << schema.node_types[t] << "\n";
    }
    for (size_t t = 0; t < schema.edge_types.size(); ++t) {
      console.out << "edges        " << FormatCount(info.num_edges[t]) << " "
                  << schema.EdgeTypeName(static_cast<int>(t)) << "\n";
    }
  } else {
    console.out << "nodes        " << FormatCount(Sum(info.num_nodes)) << "\n"
                << "edges        " << FormatCount(Sum(info.num_edges)) << "\n";
  }
  console.out << "size         " << FormatBytes(static_cast<double>(info.raw_bytes)) << "\n"
              << "transforms   "
              << (info.transforms.empty() ? "none" : absl::StrJoin(info.transforms, ", "))
              << "\n\n";

  TextTable table({"COLUMN", "LEVEL", "DTYPE", "SHAPE", ">ROWS", "VALUES"});
  for (size_t c = 0; c < schema.columns.size(); ++c) {
    const ColumnSchema& column = schema.columns[c];
    const std::string store = schema.StoreName(column.level, column.type);
    table.Add({store.empty() ? column.name : absl::StrCat(store, ".", column.name),
               std::string(LevelName(column.level)), std::string(DTypeName(column.dtype)),
               ColumnShape(column), FormatCount(info.columns[c].num_rows),
               RangeText(info.columns[c].values)});
  }
  console.out << table.ToString();
  const std::string summary = SummaryTable(info);
  if (!summary.empty()) console.out << "\n" << summary;
  return absl::OkStatus();
}

struct RemoveFlags {
  ServerFlags server;
  std::vector<std::string> datasets;
  bool all_versions = false;
};

absl::Status Remove(const RemoveFlags& flags, const Console& console) {
  GF_ASSIGN_OR_RETURN(const std::unique_ptr<Client> client, flags.server.Connect());
  for (const std::string& dataset : flags.datasets) {
    const size_t at = dataset.rfind('@');
    std::vector<int64_t> versions;
    if (at != std::string::npos) {
      if (flags.all_versions) {
        return absl::InvalidArgumentError(
            absl::StrCat(dataset, " is one version; --all-versions takes a bare name"));
      }
      versions.resize(1);
      if (!absl::SimpleAtoi(dataset.substr(at + 1), &versions[0])) {
        return absl::InvalidArgumentError(absl::StrCat(dataset, " is not NAME@VERSION"));
      }
    } else if (!flags.all_versions) {
      return absl::InvalidArgumentError(absl::StrCat("which version of ", dataset, "? Name it (",
                                                     dataset, "@3), or give --all-versions"));
    } else {
      GF_ASSIGN_OR_RETURN(const std::vector<DatasetInfo> infos, client->ListDatasets());
      for (const DatasetInfo& info : infos) {
        if (info.name == dataset) versions.push_back(info.version);
      }
      if (versions.empty()) {
        return absl::NotFoundError(absl::StrCat("there is no dataset ", dataset));
      }
    }
    const std::string name = dataset.substr(0, at);
    for (const int64_t version : versions) {
      GF_RETURN_IF_ERROR(client->DeleteVersion(name, version));
      console.out << "removed " << name << "@" << version << "\n";
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddListCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<ListFlags>();  // shared with the callback
  CLI::App* command = app.add_subcommand("ls", "List the datasets and their versions");
  flags->server.Register(*command);
  flags->server.RegisterDataDir(*command);
  command->add_flag("--json", flags->json, "print all of them as JSON");
  command->callback([flags, &action] {
    action = [flags](const Console& console) { return List(*flags, console); };
  });
}

void AddDescribeCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<DescribeFlags>();  // shared with the callback
  CLI::App* command =
      app.add_subcommand("describe", "Show a dataset's schema, sizes and fingerprint");
  command->add_option("dataset", flags->dataset, "NAME (its newest version) or NAME@VERSION")
      ->required();
  flags->server.Register(*command);
  flags->server.RegisterDataDir(*command);
  command->add_flag("--json", flags->json, "print it as JSON");
  command->callback([flags, &action] {
    action = [flags](const Console& console) { return Describe(*flags, console); };
  });
}

void AddRemoveCommand(CLI::App& app, Action& action) {
  auto flags = std::make_shared<RemoveFlags>();  // shared with the callback
  CLI::App* command = app.add_subcommand(
      "rm", "Remove versions of datasets; streams that read them go on to their end");
  command->add_option("dataset", flags->datasets, "NAME@VERSION, several are possible")->required();
  command->add_flag("--all-versions", flags->all_versions, "all versions of NAME");
  flags->server.Register(*command);
  flags->server.RegisterDataDir(*command);
  command->callback([flags, &action] {
    action = [flags](const Console& console) { return Remove(*flags, console); };
  });
}

}  // namespace graphfeed
