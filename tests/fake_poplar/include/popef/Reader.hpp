#ifndef FAKE_POPLAR_POPEF_READER_HPP
#define FAKE_POPLAR_POPEF_READER_HPP

#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "popef/Types.hpp"

namespace popef {

struct TensorReader {
  TensorDataInfo info;
  std::shared_ptr<const std::string> bytes;
  std::unique_ptr<std::istream> getStandaloneDataStream() const;
};

struct ExecutableReader {
  std::string name;
  std::shared_ptr<const std::string> bytes;
  std::unique_ptr<std::istream> getStandaloneExecutableStream() const;
};

// Reads of opaque blobs are counted: fake_poplar/control.hpp.
struct OpaqueReader {
  std::string name;
  std::string executable;
  std::shared_ptr<const std::string> bytes;
  std::unique_ptr<std::istream> getStandaloneDataStream() const;
};

// Several files are one model together. Throws std::runtime_error.
class Reader {
 public:
  void parseFile(const std::string& path);
  void parseStream(std::shared_ptr<std::istream> in);
  const std::vector<Metadata>& metadata() const { return metadata_; }
  const std::vector<TensorReader>& tensors() const { return tensors_; }
  const std::vector<ExecutableReader>& executables() const { return executables_; }
  const std::vector<OpaqueReader>& opaqueBlobs() const { return opaques_; }

 private:
  std::vector<Metadata> metadata_;
  std::vector<TensorReader> tensors_;
  std::vector<ExecutableReader> executables_;
  std::vector<OpaqueReader> opaques_;
};

}  // namespace popef

#endif  // FAKE_POPLAR_POPEF_READER_HPP
