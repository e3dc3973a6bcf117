#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "healthai/core/error.hpp"
#include "healthai/core/hash.hpp"

namespace healthai {

/// A named tensor of a layout. No dimensions means a single number.
struct Tensor {
  std::string name;
  std::vector<std::size_t> shape;
  friend bool operator==(const Tensor&, const Tensor&) = default;

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    archive& name& shape;
  }
};

/// The names and shapes of a model's parameters, in the order in which they lie in memory (row-major, without gaps).
/// Immutable and shared: copying one copies a pointer. Safe to read from any thread.
class Layout {
 public:
  /// No tensors at all; a layout that was moved from is this one too.
  Layout() noexcept = default;
  Layout(std::initializer_list<Tensor> tensors) : Layout(std::vector<Tensor>(tensors)) {}

  /// \throws Error (`invalid_argument`) for an empty or repeated name, (`overflow`) if the size does not fit.
  explicit Layout(std::vector<Tensor> tensors) : data_(std::make_shared<const Data>(std::move(tensors))) {}

  [[nodiscard]] std::span<const Tensor> tensors() const noexcept {
    return {data().tensors.data(), data().tensors.size()};
  }
  /// The number of scalars of all tensors together.
  [[nodiscard]] std::size_t size() const noexcept { return data().offsets.back(); }
  /// 64 bits that differ, but for chance, between any two layouts.
  [[nodiscard]] std::uint64_t fingerprint() const noexcept { return data().fingerprint; }

  /// Where the tensor number `i` begins, in scalars.
  [[nodiscard]] std::size_t offset(std::size_t i) const { return data().offsets.at(i); }
  /// How many scalars the tensor number `i` has.
  [[nodiscard]] std::size_t size(std::size_t i) const {
    return data().offsets.at(i + 1) - data().offsets.at(i);
  }
  /// The number of the tensor called `name`. \throws Error (`unknown_name`), listing the names there are.
  [[nodiscard]] std::size_t index(std::string_view name) const {
    for (std::size_t i = 0; i < data().tensors.size(); ++i) {
      if (data().tensors[i].name == name) return i;
    }
    throw Error(error::unknown_name,
                "no tensor is called \"" + std::string(name) + "\"; the layout is " + describe());
  }

  /// For messages: `weight[3,4] bias[4]`.
  [[nodiscard]] std::string describe() const {
    std::string text;
    for (const Tensor& tensor : data().tensors) {
      if (text.size() > 200) return text + " ... (" + std::to_string(data().tensors.size()) + " tensors)";
      text += (text.empty() ? "" : " ") + tensor.name + "[";
      for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
        text += (d == 0 ? "" : ",") + std::to_string(tensor.shape[d]);
      }
      text += "]";
    }
    return text.empty() ? "(no tensors)" : text;
  }

  friend bool operator==(const Layout& a, const Layout& b) noexcept {
    return a.data_ == b.data_ || (a.fingerprint() == b.fingerprint() && a.data().tensors == b.data().tensors);
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    if constexpr (Archive::is_loading::value) {
      std::vector<Tensor> tensors;
      archive& tensors;
      *this = Layout(std::move(tensors));
    } else {
      // The const_cast only satisfies operator&, which saving archives do not write through.
      archive& const_cast<std::vector<Tensor>&>(
          data().tensors);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    }
  }

 private:
  struct Data {
    explicit Data(std::vector<Tensor> all)
        : tensors(std::move(all)), offsets{0}, fingerprint(stable_hash("layout")) {
      require_distinct_names();
      for (const Tensor& tensor : tensors) {
        if (tensor.name.empty()) throw Error(error::invalid_argument, "a tensor of a layout has no name");
        std::size_t count = 1;
        fingerprint = stable_hash(tensor.name, fingerprint);
        for (const std::size_t extent : tensor.shape) {
          fingerprint = stable_hash("," + std::to_string(extent), fingerprint);
          count = product(count, extent, tensor.name);
        }
        fingerprint = stable_hash(";", fingerprint);
        // Kept below the largest pointer difference, so that sizes in bytes fit for any scalar type.
        if (count > max_size - offsets.back()) too_large(tensor.name);
        offsets.push_back(offsets.back() + count);
      }
    }
    /// By sorting, as a layout that came over a network can have millions of tensors.
    void require_distinct_names() const {
      std::vector<std::string_view> names;
      for (const Tensor& tensor : tensors) names.push_back(tensor.name);
      std::sort(names.begin(), names.end());
      const auto twice = std::adjacent_find(names.begin(), names.end());
      if (twice != names.end()) {
        throw Error(error::invalid_argument,
                    "two tensors of a layout are called \"" + std::string(*twice) + "\"");
      }
    }
    static constexpr std::size_t max_size = std::numeric_limits<std::ptrdiff_t>::max() / 16;
    [[noreturn]] static void too_large(const std::string& name) {
      throw Error(error::overflow,
                  "tensor \"" + name + "\" makes the layout larger than this machine can address");
    }
    static std::size_t product(std::size_t a, std::size_t b, const std::string& name) {
      if (b != 0 && a > max_size / b) too_large(name);
      return a * b;
    }
    std::vector<Tensor> tensors;
    std::vector<std::size_t> offsets;  // one more than tensors: the last is the size of the whole
    std::uint64_t fingerprint;
  };
  // No pointer, rather than a shared one, for the empty layout: every Parameters that is moved leaves one behind, and
  // threads would wait for each other at its reference count.
  [[nodiscard]] const Data& data() const noexcept {
    static const Data empty{std::vector<Tensor>{}};
    return data_ ? *data_ : empty;
  }
  std::shared_ptr<const Data> data_;
};

}  // namespace healthai
