// The .npy reader on any file: it refuses it, or every row can be read, along both axes, in pieces
// that are together the whole.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "storage/importers/npy_file.h"

namespace graphfeed {
namespace {

void ReadWhole(NpyFile& file, bool along_last) {
  const int64_t num_rows = file.NumRows(along_last);
  const int64_t row_bytes = file.RowBytes(along_last);
  if (row_bytes == 0 || num_rows == 0) return;
  std::string whole;
  if (!file.ReadRows(along_last, 0, num_rows, whole).ok()) std::abort();
  if (static_cast<int64_t>(whole.size()) != num_rows * row_bytes) std::abort();
  std::string pieces;
  const int64_t piece = std::max<int64_t>(num_rows / 3, 1);
  for (int64_t first = 0; first < num_rows; first += piece) {
    if (!file.ReadRows(along_last, first, std::min(piece, num_rows - first), pieces).ok()) {
      std::abort();
    }
  }
  if (pieces != whole) std::abort();
}

void Fuzz(const uint8_t* data, size_t size) {
  const int fd = memfd_create("fuzz", 0);
  if (fd < 0 || write(fd, data, size) != static_cast<ssize_t>(size)) std::abort();
  auto file = NpyFile::FromDescriptor(fd, "fuzz.npy");
  if (!file.ok()) return;
  ReadWhole(**file, false);
  ReadWhole(**file, true);
  auto integers = NpyIntegers::Create(*std::move(file));
  if (!integers.ok()) return;
  while (integers->position() < integers->size()) {
    if (!integers->Next().ok()) std::abort();
  }
}

}  // namespace
}  // namespace graphfeed

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  graphfeed::Fuzz(data, size);
  return 0;
}
