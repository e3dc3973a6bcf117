#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <Eigen/Core>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#if __has_include(<xtensor/containers/xarray.hpp>)  // xtensor 0.26 moved its headers
#include <xtensor/containers/xarray.hpp>
#else
#include <xtensor/xarray.hpp>
#endif

#include "healthai/core/error.hpp"
#include "healthai/core/layout.hpp"
#include "healthai/core/serialize_numbers.hpp"
#include "healthai/detail/large_memory.hpp"
#include "healthai/detail/spare_memory.hpp"

namespace healthai {

/// The numbers of a model (or of an update to it): one contiguous buffer, aligned to 64 bytes, and its shared layout.
/// A value: copying copies the buffer, moving does not. Reading is safe from any thread. The memory of large models (of
/// 4 MiB and more) is the system's own, not the heap's; that of one, or of 64 MiB of them, stays with the process for the next.
template <std::floating_point Scalar_>
class Parameters {
 public:
  using Scalar = Scalar_;
  static_assert(std::is_same_v<Scalar, float> || std::is_same_v<Scalar, double>,
                "Parameters<Scalar>: use float (networks) or double (statistics)");

  Parameters() = default;  ///< of the empty layout

  /// All zeros. \throws std::bad_alloc
  explicit Parameters(Layout layout) : Parameters(uninitialised(std::move(layout))) {
    std::fill_n(data(), size(), Scalar{0});
  }
  /// For buffers that the caller fills completely at once.
  [[nodiscard]] static Parameters uninitialised(Layout layout) {
    Parameters result;
    result.buffer_ = allocate(layout.size());
    result.layout_ = std::move(layout);
    return result;
  }
  /// \throws Error (`layout_mismatch`) if `values` has another number of scalars than `layout`.
  Parameters(Layout layout, std::span<const Scalar> values) : Parameters(uninitialised(std::move(layout))) {
    if (values.size() != size()) {
      throw Error(error::layout_mismatch, "the layout " + layout_.describe() + " has " +
                                              std::to_string(size()) + " numbers, but " +
                                              std::to_string(values.size()) + " were given");
    }
    std::copy_n(values.data(), size(), data());
  }

  Parameters(const Parameters& other) : Parameters(uninitialised(other.layout_)) {
    std::copy_n(other.data(), size(), data());
  }
  Parameters& operator=(const Parameters& other) {
    if (this == &other) return *this;
    if (size() == other.size()) {  // keep the buffer
      layout_ = other.layout_;
      std::copy_n(other.data(), size(), data());
    } else {
      *this = Parameters(other);
    }
    return *this;
  }
  Parameters(Parameters&&) noexcept = default;  ///< leaves an empty layout behind
  Parameters& operator=(Parameters&&) noexcept = default;
  ~Parameters() = default;

  [[nodiscard]] const Layout& layout() const noexcept { return layout_; }
  [[nodiscard]] std::size_t size() const noexcept { return layout_.size(); }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size() * sizeof(Scalar); }
  [[nodiscard]] Scalar* data() noexcept { return buffer_.get(); }
  [[nodiscard]] const Scalar* data() const noexcept { return buffer_.get(); }
  [[nodiscard]] std::span<Scalar> span() noexcept { return {data(), size()}; }
  [[nodiscard]] std::span<const Scalar> span() const noexcept { return {data(), size()}; }

  /// All numbers as one Eigen vector, without a copy. Valid as long as this object is neither moved nor destroyed.
  [[nodiscard]] auto flat() noexcept { return Eigen::Map<Vector>(data(), static_cast<Eigen::Index>(size())); }
  [[nodiscard]] auto flat() const noexcept {
    return Eigen::Map<const Vector>(data(), static_cast<Eigen::Index>(size()));
  }

  /// The tensor called `name` as an xtensor view with its shape, without a copy; valid as `flat` is.
  /// \throws Error (`unknown_name`)
  [[nodiscard]] auto operator[](std::string_view name) { return view(data(), layout_, layout_.index(name)); }
  [[nodiscard]] auto operator[](std::string_view name) const {
    return view(data(), layout_, layout_.index(name));
  }

  template <class Archive>
  void serialize(Archive& archive, unsigned /*version*/) {
    if constexpr (Archive::is_loading::value) {
      Layout layout;
      archive& layout;
      // An archive that knows how much is left says so before the memory for it is asked for.
      if constexpr (requires { archive.require_detached(std::size_t{}, sizeof(Scalar)); }) {
        archive.require_detached(layout.size(), sizeof(Scalar));
      }
      if (layout.size() == size()) {  // keep the buffer
        layout_ = std::move(layout);
      } else {
        *this = uninitialised(std::move(layout));
      }
    } else {
      archive& layout_;
    }
    serialize_detached(archive, span());
  }

 private:
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
  struct Free {
    std::size_t bytes = 0;
    void operator()(Scalar* memory) const noexcept {
      if (bytes >= detail::large_memory) return detail::SpareMemory::instance().keep(memory, bytes);
      ::operator delete(memory, detail::model_alignment);
    }
  };
  using Buffer = std::unique_ptr<Scalar, Free>;
  static Buffer allocate(std::size_t count) {
    if (count == 0) return nullptr;
    const std::size_t bytes = count * sizeof(Scalar);
    void* memory = nullptr;
    if (bytes < detail::large_memory) {
      memory = ::operator new(bytes, detail::model_alignment);
    } else {
      memory = detail::SpareMemory::instance().take(bytes);
      if (memory == nullptr) memory = detail::allocate_large(bytes);
    }
    return Buffer(static_cast<Scalar*>(memory), Free{bytes});
  }
  template <class Pointer>
  static auto view(Pointer data, const Layout& layout, std::size_t i) {
    // What xt::adapt returns; its header brings tensors of fixed rank too, which takes time to compile.
    using Shape = std::vector<std::size_t>;
    using Numbers = xt::xbuffer_adaptor<Pointer, xt::no_ownership, std::allocator<Scalar>>;
    using View = xt::xarray_adaptor<Numbers, xt::layout_type::row_major, Shape>;
    return View(Numbers(data + layout.offset(i), layout.size(i)), layout.tensors()[i].shape);
  }

  Layout layout_;
  Buffer buffer_;
};

/// \throws Error (`layout_mismatch`), beginning with `who` and `what` joined, if the layouts differ.
inline void require_layout(const Layout& expected, const Layout& actual, std::string_view who,
                           std::string_view what = {}) {
  if (!(expected == actual)) {
    throw Error(error::layout_mismatch, std::string(who) + std::string(what) + ": expected the layout " +
                                            expected.describe() + ", got " + actual.describe());
  }
}

}  // namespace healthai
