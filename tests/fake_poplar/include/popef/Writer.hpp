#ifndef FAKE_POPLAR_POPEF_WRITER_HPP
#define FAKE_POPLAR_POPEF_WRITER_HPP

#include <ostream>
#include <string>

#include "popef/Types.hpp"

namespace popef {

// Blobs one after the other: "FAKEPOPEF1 TYPE HEADER_BYTES DATA_BYTES\n", a header of JSON, data.
// (The SDK's writer has streams where this one takes the bytes.)
class Writer {
 public:
  explicit Writer(std::ostream& out) : out_(out) {}
  void write(const Metadata& metadata);
  void writeExecutable(const std::string& name, const std::string& bytes);
  void writeTensorData(const TensorDataInfo& info, const std::string& bytes);
  void writeOpaqueBlob(const std::string& name, const std::string& executable,
                       const std::string& bytes);

 private:
  std::ostream& out_;
};

}  // namespace popef

#endif  // FAKE_POPLAR_POPEF_WRITER_HPP
