//! The kinds of traces: 35 healthy, 29 leaky. Each draws its own size, shape and noise from one stream.

use crate::chance::Chance;
use crate::trace::{Noise, Setting, Trace, sum};

/// Draws a trace of at most so many samples.
pub type Draw = fn(&mut Chance, f64) -> Trace;

/// Name and way of drawing.
pub const HEALTHY: [(&str, Draw); 35] = [
    ("flat", |c, n| flat(c, n, Noise::White)),
    ("flat, heavy tails", |c, n| flat(c, n, Noise::Heavy)),
    ("flat, spikes", |c, n| flat(c, n, Noise::Spiky)),
    ("flat, AR(.9)", |c, n| flat(c, n, Noise::Ar(0.9))),
    ("flat, AR(.99)", |c, n| flat(c, n, Noise::Ar(0.99))),
    ("wanders, tau 2 %", |c, n| flat(c, n, Noise::Wander(0.02))),
    ("wanders, tau 5 %", |c, n| flat(c, n, Noise::Wander(0.05))),
    ("warm-up", |c, n| {
        grown(c, n, |c| {
            let (a, tau) = (c.ratio(5.0, 300.0), c.ratio(0.005, 0.1));
            move |u| a * fill(u, tau)
        })
    }),
    ("cache fills slowly", |c, n| {
        grown(c, n, |c| {
            let (a, tau) = (c.ratio(8.0, 200.0), c.between(0.1, 0.33));
            move |u| a * fill(u, tau)
        })
    }),
    ("logarithmic", |c, n| {
        grown(c, n, |c| {
            let (a, k) = (c.ratio(2.0, 40.0), c.ratio(0.001, 0.05));
            move |u| a * (u / k).ln_1p()
        })
    }),
    ("ramp, then flat", |c, n| {
        grown(c, n, |c| {
            let (a, to) = (c.ratio(8.0, 200.0), c.between(0.1, 0.65));
            move |u| a * (u / to).min(1.0)
        })
    }),
    ("two warm-ups", |c, n| {
        grown(c, n, |c| {
            let (a, b, s, t) =
                (c.ratio(5.0, 100.0), c.ratio(5.0, 100.0), c.ratio(0.005, 0.03), c.ratio(0.05, 0.25));
            move |u| a * fill(u, s) + b * fill(u, t)
        })
    }),
    ("sigmoid fill", |c, n| {
        grown(c, n, |c| {
            let (a, m, w) = (c.ratio(8.0, 100.0), c.between(0.1, 0.55), c.between(0.03, 0.08));
            move |u| a / (1.0 + ((m - u) / w).exp())
        })
    }),
    ("stretched fill", |c, n| {
        grown(c, n, |c| {
            let (a, tau, p) = (c.ratio(8.0, 100.0), c.ratio(0.02, 0.12), c.between(0.6, 1.5));
            move |u| a * -(-(u / tau).powf(p)).exp_m1()
        })
    }),
    ("hyperbolic fill", |c, n| {
        grown(c, n, |c| {
            let (a, k) = (c.ratio(8.0, 60.0), c.ratio(0.01, 0.08));
            move |u| a * u / (u + k)
        })
    }),
    ("saw, short teeth", |c, n| teeth(c, n, 60.0, 400.0, 0.1)),
    ("saw, long teeth", |c, n| teeth(c, n, 6.0, 40.0, 0.1)),
    ("saw, uneven teeth", |c, n| teeth(c, n, 8.0, 60.0, 0.6)),
    ("warm-up under a saw", |c, n| {
        let s = Setting::draw(c, n);
        let (a, tau, count, height) =
            (c.ratio(5.0, 60.0), c.ratio(0.01, 0.1), c.ratio(10.0, 100.0), c.ratio(5.0, 40.0));
        let saw = s.teeth(c, count, height, 0.2);
        let rise = s.course(|u| a * fill(u, tau));
        s.trace(c, Noise::Any, &sum(&[saw, rise]))
    }),
    ("daily wave", |c, n| {
        let s = Setting::draw(c, n);
        let (turns, height) = (c.between(1.3, 6.0), c.ratio(2.0, 40.0));
        let wave = s.wave(c, turns, height);
        s.trace(c, Noise::Any, &wave)
    }),
    ("many waves", |c, n| {
        let s = Setting::draw(c, n);
        let (turns, height) = (c.ratio(6.0, 60.0), c.ratio(2.0, 40.0));
        let wave = s.wave(c, turns, height);
        s.trace(c, Noise::Any, &wave)
    }),
    ("days and nights", |c, n| {
        let s = Setting::draw(c, n);
        let (turns, height) = (c.between(1.5, 5.0), c.ratio(3.0, 40.0));
        let wave = s.wave(c, turns, 1.0);
        let clipped: Vec<f64> = wave.iter().map(|it| height * it.clamp(-0.5, 0.5)).collect();
        s.trace(c, Noise::Any, &clipped)
    }),
    ("warm-up under a wave", |c, n| {
        let s = Setting::draw(c, n);
        let (a, tau, turns, height) =
            (c.ratio(5.0, 60.0), c.ratio(0.01, 0.1), c.between(1.5, 8.0), c.ratio(2.0, 15.0));
        let wave = s.wave(c, turns, height);
        let rise = s.course(|u| a * fill(u, tau));
        s.trace(c, Noise::Any, &sum(&[wave, rise]))
    }),
    ("a step up", |c, n| {
        grown(c, n, |c| {
            let (a, at) = (c.ratio(4.0, 80.0), c.between(0.1, 0.9));
            move |u| if u < at { 0.0 } else { a }
        })
    }),
    ("a step up, then filling", |c, n| {
        grown(c, n, |c| {
            let (a, b, at, tau) =
                (c.ratio(4.0, 40.0), c.ratio(4.0, 40.0), c.between(0.1, 0.6), c.ratio(0.01, 0.08));
            move |u| if u < at { 0.0 } else { a + b * fill(u - at, tau) }
        })
    }),
    ("steps both ways", |c, n| {
        let s = Setting::draw(c, n);
        let count = c.whole(2, 3);
        let steps: Vec<(f64, f64)> = Setting::moments(c, count, 0.05, 0.95)
            .into_iter()
            .map(|at| (at, c.ratio(4.0, 40.0) * if c.happens(0.5) { 1.0 } else { -1.0 }))
            .collect();
        let course = s.course(|u| steps.iter().filter(|it| it.0 <= u).map(|it| it.1).sum());
        s.trace(c, Noise::Any, &course)
    }),
    ("restart, warm-up again", |c, n| restarts(c, n, 1, 0.0)),
    ("two restarts", |c, n| restarts(c, n, 2, 0.0)),
    ("dips from pressure", |c, n| {
        let s = Setting::draw(c, n);
        let course = dips(c, &s);
        s.trace(c, Noise::Any, &course)
    }),
    ("counts that flicker", |c, n| {
        let mut s = Setting::draw(c, n);
        s.level = f64::from(c.whole(8, 200));
        s.sigma = 1.0;
        let p = c.between(0.02, 0.4);
        let course = s
            .course(|_| 0.0)
            .iter()
            .map(|_| if c.happens(p) { f64::from(c.whole(1, 3)) } else { 0.0 })
            .collect::<Vec<_>>();
        let mut t = s.trace(c, Noise::White, &course);
        t.values = course.iter().map(|it| s.level + it).collect();
        t
    }),
    ("counts, born and gone", |c, n| births(c, n, 0.0)),
    ("gaps", |c, n| {
        let s = Setting::draw(c, n).with_gaps(c);
        let course = s.course(|_| 0.0);
        s.trace(c, Noise::Any, &course)
    }),
    ("warm-up with gaps", |c, n| {
        let s = Setting::draw(c, n).with_gaps(c);
        let (a, tau) = (c.ratio(5.0, 100.0), c.ratio(0.01, 0.1));
        let course = s.course(|u| a * fill(u, tau));
        s.trace(c, Noise::Any, &course)
    }),
    ("shrinks", |c, n| {
        grown(c, n, |c| {
            let a = c.ratio(4.0, 80.0);
            move |u| -a * u
        })
    }),
    ("bursts of load", |c, n| {
        let s = Setting::draw(c, n);
        let count = c.whole(2, 6);
        let bursts: Vec<(f64, f64, f64)> = Setting::moments(c, count, 0.02, 0.95)
            .into_iter()
            .map(|at| (at, at + c.between(0.005, 0.04), c.ratio(4.0, 40.0)))
            .collect();
        let course = s.course(|u| bursts.iter().filter(|it| (it.0..it.1).contains(&u)).map(|it| it.2).sum());
        s.trace(c, Noise::Any, &course)
    }),
];

/// Name and way of drawing.
pub const LEAKY: [(&str, Draw); 29] = [
    ("line", |c, n| line(c, n, Noise::White, 4.0)),
    ("line, heavy tails", |c, n| line(c, n, Noise::Heavy, 5.0)),
    ("line, spikes", |c, n| line(c, n, Noise::Spiky, 5.0)),
    ("line, AR(.9)", |c, n| line(c, n, Noise::Ar(0.9), 6.0)),
    ("line, wanders", |c, n| line(c, n, Noise::Wander(0.02), 8.0)),
    ("line, hardly any noise", |c, n| {
        let mut s = Setting::draw(c, n);
        s.sigma *= 0.01;
        let g = c.ratio(50.0, 5_000.0);
        let course = s.course(|u| g * u);
        s.trace(c, Noise::White, &course).leaking(&s, g)
    }),
    ("slow, in a long trace", |c, n| {
        let h = c.between(12.0, 48.0);
        let s = Setting::new(c, h, (h * 3_600.0 / n.min(6_000.0)).ceil());
        let g = c.ratio(2.5, 6.0);
        let course = s.course(|u| g * u);
        s.trace(c, Noise::White, &course).leaking(&s, g)
    }),
    ("late", |c, n| late(c, n, Noise::White)),
    ("late, any noise", |c, n| late(c, n, Noise::Any)),
    ("accelerating", |c, n| {
        let s = Setting::draw(c, n);
        let g = c.ratio(8.0, 80.0);
        let course = s.course(|u| g * u * u);
        s.trace(c, Noise::Any, &course).leaking(&s, 2.0 * g)
    }),
    ("exponential", |c, n| {
        let s = Setting::draw(c, n);
        let (g, k) = (c.ratio(8.0, 80.0), c.between(1.0, 4.0));
        let course = s.course(|u| g * (k * u).exp_m1() / k.exp_m1());
        s.trace(c, Noise::Any, &course).leaking(&s, g * k * k.exp() / k.exp_m1())
    }),
    ("bursts that stay", bursts),
    ("steps up, regular", |c, n| {
        let s = Setting::draw(c, n);
        let (count, size, phase) = (f64::from(c.whole(8, 40)), c.ratio(1.5, 20.0), c.part());
        let course = s.course(|u| size * (u * count + phase).floor());
        s.trace(c, Noise::Any, &course).leaking(&s, size * count)
    }),
    ("under a saw, short teeth", |c, n| toothed(c, n, 60.0, 400.0, 0.1)),
    ("under a saw, long teeth", |c, n| toothed(c, n, 6.0, 40.0, 0.1)),
    ("under a saw, uneven teeth", |c, n| toothed(c, n, 10.0, 60.0, 0.6)),
    ("under a daily wave", |c, n| {
        let s = Setting::draw(c, n);
        let (turns, height) = (c.between(1.5, 6.0), c.ratio(2.0, 20.0));
        let g = height * c.ratio(0.8, 4.0) + 6.0;
        let wave = s.wave(c, turns, height);
        let rise = s.course(|u| g * u);
        s.trace(c, Noise::Any, &sum(&[wave, rise])).leaking(&s, g)
    }),
    ("under many waves", |c, n| {
        let s = Setting::draw(c, n);
        let (turns, height) = (c.ratio(6.0, 60.0), c.ratio(2.0, 20.0));
        let g = height * c.ratio(0.6, 4.0) + 6.0;
        let wave = s.wave(c, turns, height);
        let rise = s.course(|u| g * u);
        s.trace(c, Noise::Any, &sum(&[wave, rise])).leaking(&s, g)
    }),
    ("warm-up, then line", |c, n| {
        let s = Setting::draw(c, n);
        let (a, tau) = (c.ratio(5.0, 100.0), c.ratio(0.01, 0.1));
        let g = (a * c.ratio(0.2, 2.0)).max(6.0);
        let course = s.course(|u| a * fill(u, tau) + g * u);
        s.trace(c, Noise::Any, &course).leaking(&s, g)
    }),
    ("logarithmic, and a line", |c, n| {
        let s = Setting::draw(c, n);
        let (a, k) = (c.ratio(1.0, 10.0), c.ratio(0.001, 0.02));
        let g = (a * c.ratio(3.0, 10.0)).max(8.0);
        let course = s.course(|u| a * (u / k).ln_1p() + g * u);
        s.trace(c, Noise::White, &course).leaking(&s, g + a / (1.0 + k))
    }),
    ("warm-up, then late", |c, n| {
        let s = Setting::draw(c, n);
        let (a, tau, at) = (c.ratio(5.0, 60.0), c.ratio(0.01, 0.06), c.between(0.3, 0.65));
        let g = (a * c.ratio(0.5, 2.0)).max(8.0) / (1.0 - at);
        let course = s.course(|u| a * fill(u, tau) + g * (u - at).max(0.0));
        s.trace(c, Noise::Any, &course).leaking(&s, g)
    }),
    ("counts", |c, n| {
        let mut s = Setting::draw(c, n);
        (s.level, s.sigma) = (f64::from(c.whole(8, 200)), 0.3);
        let g = c.ratio(10.0, 300.0);
        let course = s.course(|u| g / 0.3 * u);
        s.trace(c, Noise::White, &course).leaking(&s, g / 0.3).rounded(1.0)
    }),
    ("counts, born and hardly gone", |c, n| births(c, n, 1.0)),
    ("with gaps", |c, n| {
        let s = Setting::draw(c, n).with_gaps(c);
        let g = c.ratio(6.0, 60.0);
        let course = s.course(|u| g * u);
        s.trace(c, Noise::Any, &course).leaking(&s, g)
    }),
    ("with dips from pressure", |c, n| {
        let s = Setting::draw(c, n);
        let dips = dips(c, &s);
        let g = c.ratio(20.0, 100.0);
        let rise = s.course(|u| g * u);
        s.trace(c, Noise::Any, &sum(&[dips, rise])).leaking(&s, g)
    }),
    ("with a restart", |c, n| {
        let g = c.ratio(15.0, 80.0);
        restarts(c, n, 1, g)
    }),
    ("with a step", |c, n| {
        let s = Setting::draw(c, n);
        let (a, at) = (c.ratio(4.0, 40.0), c.between(0.15, 0.85));
        let g = c.ratio(10.0, 80.0);
        let course = s.course(|u| g * u + if u < at { 0.0 } else { a });
        s.trace(c, Noise::Any, &course).leaking(&s, g)
    }),
    ("only under load", |c, n| {
        let s = Setting::draw(c, n);
        let (turns, g) = (c.between(3.0, 12.0), c.ratio(20.0, 100.0));
        let course = s.course(|u| {
            g * (u - (std::f64::consts::TAU * turns * u).sin() / (std::f64::consts::TAU * turns))
        });
        s.trace(c, Noise::Any, &course).leaking(&s, g)
    }),
    ("late, under a saw", |c, n| {
        let s = Setting::draw(c, n);
        let (count, height, at) = (c.ratio(15.0, 200.0), c.ratio(4.0, 20.0), c.between(0.2, 0.6));
        let g = height * c.ratio(1.5, 5.0) / (1.0 - at);
        let saw = s.teeth(c, count, height, 0.2);
        let rise = s.course(|u| g * (u - at).max(0.0));
        s.trace(c, Noise::White, &sum(&[saw, rise])).leaking(&s, g)
    }),
];

fn fill(u: f64, tau: f64) -> f64 {
    -(-u / tau).exp_m1()
}

fn flat(chance: &mut Chance, samples: f64, noise: Noise) -> Trace {
    let setting = Setting::draw(chance, samples);
    let course = setting.course(|_| 0.0);
    setting.trace(chance, noise, &course)
}

fn grown<F: Fn(f64) -> f64>(chance: &mut Chance, samples: f64, draw: impl Fn(&mut Chance) -> F) -> Trace {
    let setting = Setting::draw(chance, samples);
    let course = setting.course(draw(chance));
    setting.trace(chance, Noise::Any, &course)
}

fn teeth(chance: &mut Chance, samples: f64, low: f64, high: f64, varying: f64) -> Trace {
    let setting = Setting::draw(chance, samples);
    let (count, height) = (chance.ratio(low, high), chance.ratio(4.0, 60.0));
    let saw = setting.teeth(chance, count, height, varying);
    setting.trace(chance, Noise::White, &saw)
}

fn toothed(chance: &mut Chance, samples: f64, low: f64, high: f64, varying: f64) -> Trace {
    let setting = Setting::draw(chance, samples);
    let (count, height) = (chance.ratio(low, high), chance.ratio(4.0, 40.0));
    let growth = height * chance.ratio(1.0, 5.0) + 6.0;
    let saw = setting.teeth(chance, count, height, varying);
    let rise = setting.course(|u| growth * u);
    setting.trace(chance, Noise::White, &sum(&[saw, rise])).leaking(&setting, growth)
}

fn line(chance: &mut Chance, samples: f64, noise: Noise, least: f64) -> Trace {
    let setting = Setting::draw(chance, samples);
    let growth = chance.ratio(least, 10.0 * least);
    let course = setting.course(|u| growth * u);
    setting.trace(chance, noise, &course).leaking(&setting, growth)
}

fn late(chance: &mut Chance, samples: f64, noise: Noise) -> Trace {
    let setting = Setting::draw(chance, samples);
    let (at, rise) = (chance.between(0.2, 0.8), chance.ratio(8.0, 80.0));
    let growth = rise / (1.0 - at);
    let course = setting.course(|u| growth * (u - at).max(0.0));
    setting.trace(chance, noise, &course).leaking(&setting, growth)
}

/// Grows by lumps at chance moments, and keeps them.
fn bursts(chance: &mut Chance, samples: f64) -> Trace {
    let setting = Setting::draw(chance, samples);
    let (rate, size) = (chance.ratio(10.0, 60.0), chance.ratio(2.0, 20.0));
    let (mut lumps, mut at) = (Vec::new(), chance.exponential() / rate);
    while at < 1.0 {
        lumps.push((at, size * chance.between(0.4, 1.6)));
        at += chance.exponential() / rate;
    }
    let course = setting.course(|u| lumps.iter().filter(|lump| lump.0 <= u).map(|lump| lump.1).sum());
    setting.trace(chance, Noise::White, &course).leaking(&setting, rate * size)
}

/// Begins anew, with a warm-up each time; leaks by so much over the trace between restarts.
fn restarts(chance: &mut Chance, samples: f64, count: u32, growth: f64) -> Trace {
    let setting = Setting::draw(chance, samples);
    let (rise, tau) = (chance.ratio(6.0, 60.0), chance.ratio(0.005, 0.06));
    let cuts = Setting::moments(chance, count, 0.15, 0.75);
    let local = |u: f64| u - cuts.iter().copied().filter(|cut| *cut <= u).fold(0.0, f64::max);
    let course = setting.course(|u| rise * fill(local(u), tau) + growth * local(u));
    let trace = setting.trace(chance, Noise::White, &course);
    if growth > 0.0 { trace.leaking(&setting, growth) } else { trace }
}

/// The kernel takes pages away; they come back.
fn dips(chance: &mut Chance, setting: &Setting) -> Vec<f64> {
    let count = chance.whole(1, 4);
    let dips: Vec<(f64, f64, f64)> = Setting::moments(chance, count, 0.05, 0.9)
        .into_iter()
        .map(|at| (at, chance.ratio(5.0, 50.0), chance.ratio(0.003, 0.03)))
        .collect();
    setting.course(|u| {
        dips.iter().filter(|it| it.0 <= u).map(|(at, depth, tau)| -depth * (-(u - at) / tau).exp()).sum()
    })
}

/// Things come and go; a few never go, if it leaks.
fn births(chance: &mut Chance, samples: f64, leaks: f64) -> Trace {
    let mut setting = Setting::draw(chance, samples);
    let mean = chance.ratio(6.0, 100.0);
    let growth = leaks * mean.sqrt() * chance.ratio(6.0, 40.0);
    (setting.level, setting.sigma) = (mean, 1.0);
    let life = chance.ratio(0.001, 0.01);
    let (mut living, mut kept, mut before) = (mean.round(), 0.0, 0.0);
    let mut values = Vec::new();
    for u in &setting.us {
        let step = u - before;
        before = *u;
        for _ in 0..4 {
            let (born, gone) = (mean * step / life / 4.0, living * step / life / 4.0);
            living += poisson(chance, born) - poisson(chance, gone);
            living = living.max(0.0);
        }
        kept += poisson(chance, growth * step);
        values.push(living + kept);
    }
    let course = setting.course(|_| 0.0);
    let mut trace = setting.trace(chance, Noise::White, &course);
    trace.values = values;
    if leaks > 0.0 { trace.leaking(&setting, growth) } else { trace }
}

fn poisson(chance: &mut Chance, mean: f64) -> f64 {
    let (mut count, mut sum) = (0.0, chance.exponential());
    while sum < mean.min(500.0) {
        count += 1.0;
        sum += chance.exponential();
    }
    count
}
