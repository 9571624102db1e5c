// Closed-form matting that begins with a network's alpha: Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural
// Image Matting" (PAMI 2008). Where colors tell foreground from background it is the better judge, elsewhere the
// network is.
#pragma once

#include "core/window.h"

namespace dim {

class ThreadPool;

struct ClosedFormOptions {
  double epsilon = 1e-7;  // of the paper, for colors in 0..1
  /// What a difference to the network's alpha costs: so much where that is 0 or 1 and so surer, `prior_unsure` at ½.
  float prior = 1e-3f;
  float prior_unsure = 1.5e-5f;
  /// Each passes on what pixels know by 2 pixels.
  int iterations = 150;
  /// Of the eigenvalues of the scaled system, whose largest is 1, those that the iterations damp evenly.
  float smallest_eigenvalue = 2e-4f;
};

struct ClosedFormTask {
  ImageView image;
  ByteView trimap;
  MapView guess;  // of the network, everywhere in `seen`; is read
  MapView alpha;
  Window wanted;  // the part that is written: pixels that the trimap knows are 0 or 1
};

/// How far from a pixel a guess can be that decides about its alpha.
int closed_form_reach(const ClosedFormOptions& options = {});

/// The part of a picture whose guess decides about alpha in `wanted`, all of it to the bit.
Window seen_by_closed_form(const Window& wanted, Size picture, const ClosedFormOptions& options = {});

/// Alpha as the minimum of alpha' L alpha + (alpha - guess)' D (alpha - guess), L the matting Laplacian, D the priors,
/// over the unknown pixels, from the guess on by so many steps of Chebyshev's semi-iteration: a polynomial of L, so a
/// pixel depends on those near it alone, and neither threads nor windows change a bit. Parts that would take more than
/// `most_bytes` are solved one after the other; 0: all at once.
void solve_closed_form(const ClosedFormTask& task, std::size_t most_bytes, ThreadPool& pool,
                       const ClosedFormOptions& options = {});

}  // namespace dim
