"""The page to paint on and the service behind it: `dim-trt serve`.

    app = application(engine, Settings(token="…"))  # ASGI

In: requests of HTTP. Out: pictures, or one sentence in JSON. Read `app` first: what is answered where. A request passes
`guard` (who may ask), `bodies` (how much, how slowly) and `forms` (what `fields` lists, of which `openapi` tells), and
waits in `desk` for one of a few threads, where `sources` makes its trimap and `matting` the result; the event loop
decodes and computes nothing. `responses` go back. `board` holds the pictures that are being painted on, `patches` knows
what of alpha a stroke changes. `page` is what browsers get. `protocol` and `server` run it all.
"""
