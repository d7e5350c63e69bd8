23439 shakedown.old 0 3 172 115 
23441 journal 0 0 22 55 
23442 tokio-rt-worker 0 0 52 22 
23443 tokio-rt-worker 0 0 230 48 
23444 shakedown-proxy 37 291 113488 31850 
23446 sampler 9 36 20 1796 
23450 load/steady 223 274 178435 30287 
23451 shakedown-proxy 16 132 56886 18210 
