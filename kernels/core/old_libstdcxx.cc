// GCC 11 and newer call this function of its library, which that of older systems does not have (manylinux_2_28: GCC
// 8).
#include <new>

#ifdef __GLIBCXX__

namespace std {

__attribute__((noreturn, visibility("hidden"))) void __throw_bad_array_new_length() { throw bad_array_new_length(); }

}  // namespace std

#endif
