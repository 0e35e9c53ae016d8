#include "client/worker/checkpoint.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "client/flags/json.h"
#include "client/worker/whole_file.h"
#include "storage/base/digest.h"
#include "storage/base/little_endian.h"
#include "storage/base/status_macros.h"

namespace graphfeed {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kMagic = "graphfeed checkpoint 1\n";
constexpr char kPrefix[] = "checkpoint-";
constexpr char kSuffix[] = ".gfc";
constexpr size_t kWord = 8;

Json Header(const Checkpoint& checkpoint) {
  return {{"dataset", checkpoint.dataset},         {"fingerprint", checkpoint.fingerprint},
          {"spec_digest", checkpoint.spec_digest}, {"seed", checkpoint.seed},
          {"epoch", checkpoint.position.epoch},    {"ordinal", checkpoint.position.ordinal},
          {"num_shards", checkpoint.num_shards},   {"shard_index", checkpoint.shard_index},
          {"runtime", checkpoint.runtime},         {"model_sha256", checkpoint.model_sha256},
          {"totals", ToJson(checkpoint.totals)}};
}

// Throws what the library throws for a header of another form.
Checkpoint FromHeader(const Json& json) {
  Checkpoint checkpoint;
  json.at("dataset").get_to(checkpoint.dataset);
  json.at("fingerprint").get_to(checkpoint.fingerprint);
  json.at("spec_digest").get_to(checkpoint.spec_digest);
  json.at("seed").get_to(checkpoint.seed);
  json.at("epoch").get_to(checkpoint.position.epoch);
  json.at("ordinal").get_to(checkpoint.position.ordinal);
  json.at("num_shards").get_to(checkpoint.num_shards);
  json.at("shard_index").get_to(checkpoint.shard_index);
  json.at("runtime").get_to(checkpoint.runtime);
  json.at("model_sha256").get_to(checkpoint.model_sha256);
  Totals::Visit([&](const char* name, auto member) {
    json.at("totals").at(name).get_to(checkpoint.totals.*member);
  });
  return checkpoint;
}

}  // namespace

absl::StatusOr<Checkpoint> ReadCheckpoint(const std::string& path) {
  GF_ASSIGN_OR_RETURN(const std::string bytes, ReadWholeFile(path));
  const auto damaged = [&](absl::string_view what) {
    return absl::DataLossError(absl::StrCat("the checkpoint \"", path, "\" ", what));
  };
  absl::string_view rest = bytes;
  if (!absl::StartsWith(rest, kMagic)) return damaged("is none, or of another version");
  if (rest.size() < kMagic.size() + 2 * kWord) return damaged("is cut off");
  const uint64_t hash = LoadLittleEndian<uint64_t>(rest.data() + rest.size() - kWord);
  rest.remove_suffix(kWord);
  if (Hash64(rest, 0) != hash) return damaged("is damaged: its bytes have another hash");
  rest.remove_prefix(kMagic.size());
  const uint64_t header_bytes = LoadLittleEndian<uint64_t>(rest.data());
  rest.remove_prefix(kWord);
  if (header_bytes > rest.size()) return damaged("is cut off");
  const Json header = Json::parse(rest.substr(0, header_bytes), nullptr, false);
  try {
    Checkpoint checkpoint = FromHeader(header);
    checkpoint.state = std::string(rest.substr(header_bytes));
    return checkpoint;
  } catch (const Json::exception& error) {
    return damaged(absl::StrCat("has another header: ", error.what()));
  }
}

absl::Status WriteCheckpoint(const Checkpoint& checkpoint, const std::string& path) {
  const std::string header = Header(checkpoint).dump();
  std::string bytes(kMagic);
  AppendInt64(static_cast<int64_t>(header.size()), bytes);
  absl::StrAppend(&bytes, header, checkpoint.state);
  AppendInt64(static_cast<int64_t>(Hash64(bytes, 0)), bytes);
  return WriteWholeFile(path, {bytes});
}

absl::StatusOr<std::unique_ptr<CheckpointFolder>> CheckpointFolder::Open(const std::string& folder,
                                                                         int64_t keep) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("cannot make the checkpoint folder \"", folder, "\": ", error.message()));
  }
  const std::string lock_path = absl::StrCat(folder, "/lock");
  const int lock = open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (lock < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot open \"", lock_path, "\""));
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    (void)close(lock);
    return absl::FailedPreconditionError(absl::StrCat("another worker writes its checkpoints to \"",
                                                      folder, "\": each needs its own folder"));
  }
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    if (absl::EndsWith(entry.path().filename().string(), kUnfinished))
      fs::remove(entry.path(), error);
  }
  return std::unique_ptr<CheckpointFolder>(new CheckpointFolder(folder, keep, lock));
}

absl::StatusOr<std::unique_ptr<CheckpointFolder>> CheckpointFolder::OpenToRead(
    const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error)) {
    return absl::NotFoundError(absl::StrCat("there is no checkpoint folder \"", folder, "\""));
  }
  return std::unique_ptr<CheckpointFolder>(new CheckpointFolder(folder, 0, -1));
}

CheckpointFolder::~CheckpointFolder() {
  if (lock_ >= 0) (void)close(lock_);
}

std::vector<std::string> CheckpointFolder::Paths() const {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    const std::string name = entry.path().filename().string();
    if (absl::StartsWith(name, kPrefix) && absl::EndsWith(name, kSuffix)) {
      paths.push_back(entry.path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

absl::Status CheckpointFolder::Save(const Checkpoint& checkpoint) {
  // By steps: a run that goes on from an older one replaces what came after it.
  const std::string path = absl::StrCat(folder_, "/", kPrefix,
                                        absl::StrFormat("%012d", checkpoint.totals.steps), kSuffix);
  GF_RETURN_IF_ERROR(WriteCheckpoint(checkpoint, path));
  std::vector<std::string> paths = Paths();
  std::error_code error;
  const auto own = std::find(paths.begin(), paths.end(), path);
  for (auto later = own == paths.end() ? own : own + 1; later != paths.end(); ++later) {
    fs::remove(*later, error);
  }
  const auto num_older = own - paths.begin();
  for (int64_t i = 0; i + keep_ <= num_older; ++i) fs::remove(paths[i], error);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Checkpoint>> CheckpointFolder::LoadNewest(
    std::vector<std::string>& warnings) const {
  const std::vector<std::string> paths = Paths();
  for (auto path = paths.rbegin(); path != paths.rend(); ++path) {
    absl::StatusOr<Checkpoint> checkpoint = ReadCheckpoint(*path);
    if (checkpoint.ok()) return *std::move(checkpoint);
    warnings.emplace_back(checkpoint.status().message());
  }
  if (paths.empty()) return std::nullopt;
  return absl::DataLossError(
      absl::StrCat("no checkpoint in \"", folder_, "\" can be read: ", warnings.front()));
}

}  // namespace graphfeed
