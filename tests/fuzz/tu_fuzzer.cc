// The TU reader on any files: it answers or refuses, and what it answers is a block that the
// transforms take. The input holds the files one after the other, each after a line "== PART";
// whatever stands between is the file, which may be gzipped.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "storage/importers/tu_source.h"
#include "storage/transforms/transforms.h"

namespace graphfeed {
namespace {

std::map<std::string, std::string> SplitFiles(absl::string_view input) {
  constexpr absl::string_view kMark = "== ";
  std::map<std::string, std::string> files;
  while (true) {
    const size_t mark = input.find(kMark);
    if (mark == absl::string_view::npos) return files;
    input.remove_prefix(mark + kMark.size());
    const size_t name_end = std::min(input.find('\n'), input.size());
    const std::string name(input.substr(0, name_end));
    input.remove_prefix(std::min(name_end + 1, input.size()));
    files[name] = std::string(input.substr(0, input.find(kMark)));
  }
}

absl::StatusOr<std::unique_ptr<LineReader>> OpenInMemory(absl::string_view name,
                                                         const std::string& content) {
  const int fd = memfd_create("fuzz", 0);
  if (fd < 0 || write(fd, content.data(), content.size()) != static_cast<ssize_t>(content.size()) ||
      lseek(fd, 0, SEEK_SET) != 0) {
    std::abort();
  }
  return LineReader::FromDescriptor(fd, std::string(name));
}

// Every block must be consistent: its sizes and columns agree.
void Check(const GraphBlock& block) {
  for (const ColumnBlock& column : block.columns) {
    int64_t rows = column.sizes.empty() ? block.num_graphs : 0;
    for (const int64_t size : column.sizes) rows += size;
    int64_t row_bytes = static_cast<int64_t>(SizeOf(column.dtype));
    for (const int64_t dim : column.row_shape) row_bytes *= dim;
    if (static_cast<int64_t>(column.rows.size()) != rows * row_bytes) std::abort();
  }
  GraphBlock transformed = block;
  const absl::Status status =
      ApplyTransforms({RemoveIsolatedNodes(), ToUndirected(), AddSelfLoops()}, transformed);
  if (!status.ok()) std::abort();
}

void Fuzz(absl::string_view input) {
  const std::map<std::string, std::string> files = SplitFiles(input);
  const TuOpener open = [&](absl::string_view part) -> absl::StatusOr<std::unique_ptr<LineReader>> {
    const auto found = files.find(std::string(part));
    if (found == files.end()) return nullptr;
    return OpenInMemory(part, found->second);
  };
  auto tables = ReadTuTables(open, {});
  if (!tables.ok()) return;
  auto source =
      MakeTuSource(*std::move(tables), "fuzz",
                   {.node_attributes = true, .edge_attributes = true, .block_bytes = 256});
  if (!source.ok()) return;
  for (int64_t blocks = 0; blocks < 64; ++blocks) {
    const auto block = (*source)->Next();
    if (!block.ok()) std::abort();  // all was checked when the tables were read
    if (!block->has_value()) return;
    Check(**block);
  }
}

}  // namespace
}  // namespace graphfeed

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  graphfeed::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
