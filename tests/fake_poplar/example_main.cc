// fake_popef_model OUT: writes the example model that JSON on standard input describes.

#include <exception>
#include <fstream>
#include <iostream>

#include "tests/fake_poplar/example_model.h"

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: fake_popef_model OUT < MODEL.json\n";
    return 2;
  }
  std::ofstream out(argv[1], std::ios::binary);
  out << fake_poplar::WriteExampleModel(fake_poplar::ExampleModelFromJson(std::cin));
  out.close();
  return out ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "fake_popef_model: " << error.what() << '\n';
  return 1;
}
