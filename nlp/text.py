"""Make her words comparable: one width, one script, no invisible characters; and cut them into words.

`normalise` is cheap and runs on every message. `tokens` needs jieba, whose dictionary takes a second to
load, so `prepare` is called once when the service starts.
"""

import logging
import re
import unicodedata
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data"

#: Longer messages are read only so far; what follows is kept in the database but not weighed.
LONGEST = 4000

_TRADITIONAL = (
    "來係個們傭傳債傷傾僱價億償優兒兩凍別則劇動務勞區協參員問喫單嗎嘗嚇國園團執報場壓壞妳姦婦媽嬰孫學"
    "實寫寶將專尋對導屍層屬師帶幣幫幹幾庫廠廢廣強彈後從復徵徹恆悶惡惱愛態慣慮憂憐憑應懷懼戀戰戲戶拋捨"
    "掃揚換揹損搶撫擁擇擊擔據擾攔敗敵數斷時書會東條棄棟業榮樂樓標樣樹橋機檢權歎歐歡歲歷歸殘殺毆氣決沒"
    "況淚減測湊準溫滿漢潔濕濟為無煩燒營爛爭爺爾牆牠狀獎獨獲獸現環甚產畢畫異當瘋療癢發盜盡監睏確碼祂禍"
    "禮稅種稱積穩窮竊競筆篩簡簽籠紀約紅納純紙級細終組結絕絡給統經綠維網緊線練縣縮總繫繳繼續罰罵義習聯"
    "聲職聽腦腫腳臉臟與舉舊艱莊萬葉著藝藥蘇處虛號虧蟲術衛衝裏補裡見規視親覺覽觸訂計訊討託記訟設許訴評"
    "詢試詩話該詳認誠誤說誰課調談請諒論諮講謝證識譯議護讀變讓貝負財貧貨責貴買貸費貼資賠賢賣賤質賬賭贈"
    "贍趕跡蹤車軍輔輕輛輸辦辭農這連進運過達違遠適遲遷選遺還邊鄉鄰醫釋銀錄錢錯鎖鎮鐘鐵鑰門閉開間閨關陣"
    "陰陸陽際隨險隱隻雖雙雜離難電靜響項順須預頓領頭頻題願類顧顯飛飯養餓館騙騷驗驚體髮鬥鬧鬱魚鳥麗麵麼"
    "點黨齊齡龍"
)
_SIMPLIFIED = (
    "来系个们佣传债伤倾雇价亿偿优儿两冻别则剧动务劳区协参员问吃单吗尝吓国园团执报场压坏你奸妇妈婴孙学"
    "实写宝将专寻对导尸层属师带币帮干几库厂废广强弹后从复征彻恒闷恶恼爱态惯虑忧怜凭应怀惧恋战戏户抛舍"
    "扫扬换背损抢抚拥择击担据扰拦败敌数断时书会东条弃栋业荣乐楼标样树桥机检权叹欧欢岁历归残杀殴气决没"
    "况泪减测凑准温满汉洁湿济为无烦烧营烂争爷尔墙它状奖独获兽现环什产毕画异当疯疗痒发盗尽监困确码他祸"
    "礼税种称积稳穷窃竞笔筛简签笼纪约红纳纯纸级细终组结绝络给统经绿维网紧线练县缩总系缴继续罚骂义习联"
    "声职听脑肿脚脸脏与举旧艰庄万叶着艺药苏处虚号亏虫术卫冲里补里见规视亲觉览触订计讯讨托记讼设许诉评"
    "询试诗话该详认诚误说谁课调谈请谅论咨讲谢证识译议护读变让贝负财贫货责贵买贷费贴资赔贤卖贱质账赌赠"
    "赡赶迹踪车军辅轻辆输办辞农这连进运过达违远适迟迁选遗还边乡邻医释银录钱错锁镇钟铁钥门闭开间闺关阵"
    "阴陆阳际随险隐只虽双杂离难电静响项顺须预顿领头频题愿类顾显飞饭养饿馆骗骚验惊体发斗闹郁鱼鸟丽面么"
    "点党齐龄龙"
)
_INVISIBLE = "".join(chr(code) for code in (0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF, 0x00AD, 0xFE0F))
_CONTROL = dict.fromkeys([*range(0x09), *range(0x0E, 0x20), 0x7F, *map(ord, _INVISIBLE)])
_TABLE: dict[int, Any] = {
    **str.maketrans(_TRADITIONAL, _SIMPLIFIED),
    **_CONTROL,
}
_CHINESE = re.compile(r"[㐀-鿿]+")


def normalise(text: str) -> str:
    """The same words in one form: half width, simplified, lower case, single spaces, at most LONGEST long."""
    if len(text) > LONGEST * 2:
        text = text[: LONGEST * 2]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return " ".join(text.translate(_TABLE).lower().split())[:LONGEST]


class _Words:
    """jieba's dictionary with our own words added, loaded once; in Rust where the extra `fast` is installed."""

    def __init__(self) -> None:
        self._cut: Callable[[str], list[str]] | None = None

    def load(self, cache_dir: Path | None) -> None:
        own = (DATA / "dictionary.txt").read_text("utf-8").split()
        self._cut = _rust_cutter(own) or _python_cutter(own, cache_dir)

    def cut(self, text: str) -> list[str]:
        if self._cut is None:
            self.load(None)
            assert self._cut is not None
        return self._cut(text)


def _rust_cutter(own: Iterable[str]) -> Callable[[str], list[str]] | None:
    """The same dictionary and the same algorithm (tests compare them), at a tenth of the cost."""
    try:
        import rjieba
    except ImportError:
        return None
    tokenizer = rjieba.Jieba()
    for word in own:
        tokenizer.add_word(word, None, None)

    def cut(text: str) -> list[str]:
        words: list[str] = tokenizer.cut(text, False)
        return words

    return cut


def _python_cutter(own: Iterable[str], cache_dir: Path | None) -> Callable[[str], list[str]]:
    import jieba

    jieba.setLogLevel(logging.ERROR)
    tokenizer = jieba.Tokenizer()
    if cache_dir is not None:
        cache_dir.mkdir(parents=True, exist_ok=True)
        # Its default cache stands in a folder everybody may write to.
        tokenizer.tmp_dir = jieba.dt.tmp_dir = str(cache_dir)
    tokenizer.initialize()
    for word in own:
        tokenizer.add_word(word)
    return lambda text: list(tokenizer.cut(text, HMM=False))


_words = _Words()


def prepare(cache_dir: Path | None = None) -> None:
    """Load the word dictionary so that the first message is fast; `cache_dir` must be ours alone."""
    _words.load(cache_dir)


def tokens(text: str) -> list[str]:
    """The words of a normalised text, punctuation and spaces left out (source: jieba, our dictionary)."""
    return [word for word in _words.cut(text) if word[0].isalnum()]


def chinese_runs(text: str) -> list[str]:
    """The stretches of Chinese characters in `text`, in order."""
    return _CHINESE.findall(text)
